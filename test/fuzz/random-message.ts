// Requests drawn from the descriptors: every field may be there or not, with a value that its name suggests, with one
// of the extremes of its type, or, in a message that isn't clean, in a form that the protocol doesn't have.

import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Prng } from "../../src/platform/sim/prng.ts";
import { symbols } from "./grammar.ts";
import { anyText, collectionName, databaseName, jsonText, patchText, pointer } from "./random-text.ts";

/** What earlier answers said, to be sent again. */
export interface Memory {
  readonly tokens: string[];
  readonly transactions: string[];
  readonly versions: bigint[];
}

const extremes: readonly [bigint, ...bigint[]] = [
  0n,
  1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const oddEnums: readonly [number, ...number[]] = [-1, 77, 2 ** 31 - 1, -(2 ** 31)];
/** Messages in messages that are drawn; deeper ones stay empty. */
const maxDepth = 6;
/** Bytes after which lists get no longer: size is an attack of its own, and a slow one. */
const maxBytes = 64 * 1024;

export class RandomMessages {
  readonly #random: Prng;
  readonly #memory: Memory;
  /** Bytes of messages inside the one that is being drawn. */
  #drawnBytes = 0;

  constructor(random: Prng, memory: Memory) {
    this.#random = random;
    this.#memory = memory;
  }

  /** An encoded message. A clean one is what some client made from the protocol could send. */
  draw(message: DescMessage, clean: boolean, depth = 0): Uint8Array {
    const writer = new BinaryWriter();
    const random = this.#random;
    for (const field of chosenFields(message, random, clean)) {
      if (!clean && random.chance(0.01)) this.#nonsense(writer, field);
      const times = field.fieldKind === "list" ? this.#listLength(clean) : !clean && random.chance(0.02) ? 2 : 1;
      for (let i = 0; i < times && this.#drawnBytes < maxBytes; i++) this.#field(writer, field, clean, depth);
    }
    const bytes = writer.finish();
    this.#drawnBytes = depth === 0 ? 0 : this.#drawnBytes + bytes.length;
    return bytes;
  }

  #listLength(clean: boolean): number {
    const random = this.#random;
    if (!clean && random.chance(0.005)) return 5_000;
    return random.chance(0.05) ? random.below(300) : random.below(6);
  }

  #field(writer: BinaryWriter, field: DescField, clean: boolean, depth: number): void {
    const kind = field.fieldKind === "list" ? field.listKind : field.fieldKind;
    if (kind === "message" && field.message !== undefined) {
      const content = depth >= maxDepth ? new Uint8Array() : this.#messageField(field, field.message, clean, depth);
      writer.tag(field.number, WireType.LengthDelimited).bytes(content);
    } else if (kind === "enum" && field.enum !== undefined) {
      writer.tag(field.number, WireType.Varint).int32(this.#enumValue(field.enum, clean));
    } else if (field.scalar !== undefined) {
      this.#scalar(writer, field, field.scalar);
    }
  }

  #messageField(field: DescField, message: DescMessage, clean: boolean, depth: number): Uint8Array {
    const random = this.#random;
    if (message.typeName === "google.protobuf.Duration") return this.#duration();
    if (field.name === "precondition" && random.chance(0.6))
      return new BinaryWriter().tag(2, WireType.Varint).bool(random.chance(0.5)).finish();
    return this.draw(message, clean, depth + 1);
  }

  #duration(): Uint8Array {
    const random = this.#random;
    const writer = new BinaryWriter();
    const odd = random.chance(0.1);
    writer
      .tag(1, WireType.Varint)
      .int64(odd ? random.pick([-1n, 2n ** 63n - 1n, -(2n ** 63n)]) : BigInt(random.below(4)));
    writer.tag(2, WireType.Varint).int32(odd ? random.pick([-1, 2 ** 31 - 1]) : random.below(1_000_000_000));
    return writer.finish();
  }

  #enumValue(type: DescEnum, clean: boolean): number {
    const random = this.#random;
    const known = type.values[random.below(type.values.length)]?.number ?? 0;
    return !clean && random.chance(0.05) ? random.pick(oddEnums) : known;
  }

  #scalar(writer: BinaryWriter, field: DescField, type: ScalarType): void {
    const random = this.#random;
    switch (type) {
      case ScalarType.STRING:
      case ScalarType.BYTES:
        writer.tag(field.number, WireType.LengthDelimited).bytes(this.#text(field.name));
        return;
      case ScalarType.BOOL:
        writer.tag(field.number, WireType.Varint).bool(random.chance(0.5));
        return;
      case ScalarType.UINT64:
        writer.tag(field.number, WireType.Varint).uint64(this.#number(field.name));
        return;
      default:
        writer.tag(field.number, WireType.Varint).uint32(this.#smallNumber());
    }
  }

  #text(name: string): Uint8Array {
    const text = Buffer.from(this.#textFor(name));
    // One text in a hundred isn't UTF-8.
    if (text.length > 0 && this.#random.chance(0.01)) text[this.#random.below(text.length)] = 0xff;
    return text;
  }

  #textFor(name: string): string {
    const random = this.#random;
    switch (name) {
      case "database":
        return databaseName(random);
      case "collection":
        return collectionName(random);
      case "json":
        return jsonText(random);
      case "json_patch":
      case "merge_patch":
        return patchText(random);
      case "path":
        return pointer(random);
      case "page_token":
      case "resume_token":
        return random.chance(0.5) ? "" : (this.#remembered(this.#memory.tokens) ?? anyText(random));
      case "transaction_id":
        return random.chance(0.7) ? "" : (this.#remembered(this.#memory.transactions) ?? anyText(random));
      case "request_id":
        return random.chance(0.7) ? "" : random.chance(0.9) ? `request-${random.below(40)}` : anyText(random);
      default:
        return random.chance(0.5) ? (symbols[random.below(symbols.length)] ?? "") : anyText(random);
    }
  }

  #number(name: string): bigint {
    const random = this.#random;
    if (random.chance(0.05)) return random.pick(extremes);
    if (name === "version") return this.#remembered(this.#memory.versions) ?? 1n;
    return BigInt(1 + random.below(40));
  }

  #smallNumber(): number {
    const random = this.#random;
    return random.chance(0.1) ? random.pick([0, 1, 2 ** 31, 2 ** 32 - 1]) : random.below(2_000);
  }

  #remembered<T>(values: readonly T[]): T | undefined {
    return values[this.#random.below(values.length)];
  }

  /** A field that isn't in the protocol, or has another wire type there. */
  #nonsense(writer: BinaryWriter, field: DescField): void {
    const random = this.#random;
    const number = random.chance(0.5) ? field.number : random.pick([99, 2 ** 29 - 1, 19_000]);
    switch (random.below(4)) {
      case 0:
        writer.tag(number, WireType.Varint).uint64(random.pick(extremes));
        return;
      case 1:
        writer.tag(number, WireType.Bit64).fixed64(random.pick(extremes));
        return;
      case 2:
        writer.tag(number, WireType.Bit32).fixed32(random.u32());
        return;
      default:
        writer.tag(number, WireType.LengthDelimited).string(anyText(random));
    }
  }
}

/** The three forms of a patch, of which a request has one. */
const patchForms: readonly [string, ...string[]] = ["operations", "json_patch", "merge_patch"];

/** Fields that a message gets: one of each oneof, most of the others, what names the database nearly always. */
function chosenFields(message: DescMessage, random: Prng, clean: boolean): DescField[] {
  const patch = message.fields.some(({ name }) => name === "merge_patch") && random.chance(0.97);
  const form = random.pick(patchForms);
  return message.members.flatMap((member) => {
    if (patch && member.kind === "field" && patchForms.includes(member.name))
      return member.name === form ? [member] : [];
    if (member.kind === "oneof") {
      if (!clean && random.chance(0.03)) return [...member.fields];
      const field = random.chance(0.97) ? member.fields[random.below(member.fields.length)] : undefined;
      return field === undefined ? [] : [field];
    }
    const often = ["database", "json", "id", "path", "operations", "calls"].includes(member.name);
    return random.chance(often ? 0.97 : 0.5) ? [member] : [];
  });
}
