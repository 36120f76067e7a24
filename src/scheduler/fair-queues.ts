// Queues that take turns: one for each database, first in first out, and a round over those that aren't empty.
//
// Deficit round robin (Shreedhar and Varghese, 1995) with work of one size: in its turn a queue gives as many as its
// weight says, and its weight grows with the logarithm of its depth. So a deep queue drains faster than a shallow one,
// and the shallow one waits for no more than `maxWeight` of each other queue.

import { Link, LinkedList } from "./linked-list.ts";

/** What a queue gives in one turn, at most. */
const maxWeight = 8;

interface Queue<T> {
  readonly name: string;
  readonly members: LinkedList<T>;
  /** What it may still give in this turn. */
  credit: number;
}

/** A member's place in its queue. */
export type Place<T> = Link<T>;

export class FairQueues<T> {
  /** Those that aren't empty. */
  readonly #queues = new Map<string, Link<Queue<T>>>();
  /** The same, in the order of their turns. */
  readonly #round = new LinkedList<Queue<T>>();
  #size = 0;

  /** Members of all queues. */
  get size(): number {
    return this.#size;
  }

  /** Queues that aren't empty. */
  get count(): number {
    return this.#queues.size;
  }

  depth(name: string): number {
    return this.#queues.get(name)?.value.members.size ?? 0;
  }

  /** Puts something at the end of a queue. */
  push(name: string, member: T): Place<T> {
    let turn = this.#queues.get(name);
    if (turn === undefined) {
      turn = new Link({ name, members: new LinkedList<T>(), credit: 0 });
      this.#queues.set(name, turn);
      this.#round.append(turn);
    }
    const place = new Link(member);
    turn.value.members.append(place);
    this.#size++;
    return place;
  }

  /** Takes the head of the queue whose turn it is. */
  shift(): T | undefined {
    const turn = this.#round.first;
    const head = turn?.value.members.first;
    if (turn === undefined || head === undefined) return undefined;
    const queue = turn.value;
    if (queue.credit === 0) queue.credit = weightOf(queue.members.size);
    queue.credit--;
    queue.members.remove(head);
    this.#size--;
    if (queue.members.size === 0) this.#forget(turn);
    else if (queue.credit === 0) this.#toTheEnd(turn);
    return head.value;
  }

  /** Takes something out of its queue; false when it isn't there any more. */
  remove(name: string, place: Place<T>): boolean {
    const turn = this.#queues.get(name);
    if (turn?.value.members.remove(place) !== true) return false;
    this.#size--;
    if (turn.value.members.size === 0) this.#forget(turn);
    return true;
  }

  #forget(turn: Link<Queue<T>>): void {
    this.#round.remove(turn);
    this.#queues.delete(turn.value.name);
  }

  #toTheEnd(turn: Link<Queue<T>>): void {
    this.#round.remove(turn);
    this.#round.append(turn);
  }
}

/** 1 for a depth of 1, 2 from 2 on, 3 from 4 on, 4 from 8 on, ... */
function weightOf(depth: number): number {
  return Math.min(maxWeight, 32 - Math.clz32(depth));
}
