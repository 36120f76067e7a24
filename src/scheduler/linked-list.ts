// A list whose members can be taken out of the middle: who waits in a queue may go away at any time, and a queue may
// have thousands of members. Everything takes the same time whatever its length.

/** A member's place in a list. It is in one list at most. */
export class Link<T> {
  readonly value: T;
  /** Owned by the list. */
  list: LinkedList<T> | undefined;
  previous: Link<T> | undefined;
  next: Link<T> | undefined;

  constructor(value: T) {
    this.value = value;
  }
}

export class LinkedList<T> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;
  #size = 0;

  get first(): Link<T> | undefined {
    return this.#first;
  }

  get size(): number {
    return this.#size;
  }

  /** Puts a link that is in no list at the end. */
  append(link: Link<T>): void {
    link.list = this;
    link.previous = this.#last;
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#size++;
  }

  /** Takes a link out; false when it isn't in this list. */
  remove(link: Link<T>): boolean {
    if (link.list !== this) return false;
    const { previous, next } = link;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    link.list = undefined;
    link.previous = undefined;
    link.next = undefined;
    this.#size--;
    return true;
  }
}
