// Protobuf by hand against the library that generated code uses.

import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import test from "ava";
import * as fc from "fast-check";
import { ProtobufReader, RepeatedText } from "../../src/base/protobuf-reader.ts";
import { ProtobufWriter, varintBytes } from "../../src/base/protobuf-writer.ts";

const unsigned64 = fc.oneof(
  fc.bigInt(0n, 2n ** 64n - 1n),
  fc.nat({ max: 64 }).map((bits) => 2n ** BigInt(bits) - 1n),
);

test("integers are written and read as the library does, whatever their size", (t) => {
  fc.assert(
    fc.property(fc.array(unsigned64), (values) => {
      const [ours, theirs] = [new ProtobufWriter(1), new BinaryWriter()];
      for (const value of values) {
        ours.varint(value);
        theirs.uint64(value);
        if (value <= Number.MAX_SAFE_INTEGER) {
          ours.varint(Number(value));
          theirs.uint64(value);
        }
      }
      const bytes = ours.take();
      t.deepEqual(new Uint8Array(bytes), theirs.finish());
      const [reader, other] = [new ProtobufReader(bytes), new BinaryReader(bytes)];
      while (other.pos < other.len) t.is(reader.bigint(), BigInt(other.uint64()));
      t.is(reader.position, bytes.length);
      for (const value of values) {
        const alone = new ProtobufWriter(1);
        alone.varint(value);
        t.is(varintBytes(value), alone.length);
      }
    }),
  );
});

test("texts and bytes are written and read as the library does", (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: "grapheme" }), fc.uint8Array())), (fields) => {
      const [ours, theirs] = [new ProtobufWriter(4), new BinaryWriter()];
      for (const [text, bytes] of fields) {
        ours.lengthField(2, Buffer.byteLength(text));
        ours.raw(Buffer.from(text));
        theirs.uint32(18).string(text);
        ours.lengthField(3, bytes.length);
        ours.raw(bytes);
        theirs.uint32(26).bytes(bytes);
      }
      const written = ours.take();
      t.deepEqual(new Uint8Array(written), theirs.finish());
      const reader = new ProtobufReader(written);
      const known = new RepeatedText();
      for (const [text, bytes] of fields) {
        reader.number();
        const start = reader.position;
        t.is(reader.repeatedText(known), text);
        reader.position = start;
        t.is(reader.text(), text);
        reader.number();
        t.deepEqual(new Uint8Array(reader.content()), bytes);
      }
    }),
  );
});

test("what was taken from a writer isn't touched by what is written next", (t) => {
  const writer = new ProtobufWriter(64);
  const taken: Buffer[] = [];
  for (let i = 1; i <= 200; i++) {
    writer.raw(Buffer.alloc(i, i));
    taken.push(writer.take());
  }
  for (const [i, bytes] of taken.entries()) t.true(bytes.equals(Buffer.alloc(i + 1, i + 1)));
});

test("a reader never goes beyond its end: bytes that are no message are a RangeError", (t) => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const reader = new ProtobufReader(Buffer.from(bytes));
      try {
        while (reader.position < reader.end) reader.skip(reader.number());
        t.is(reader.position, reader.end);
      } catch (error) {
        t.true(error instanceof RangeError);
      }
    }),
  );
  t.throws(() => new ProtobufReader(Buffer.alloc(11, 0x80)).number(), { instanceOf: RangeError });
  t.throws(() => new ProtobufReader(Buffer.from([5, 1, 2])).content(), { instanceOf: RangeError });
  t.throws(() => new ProtobufReader(Buffer.from([0, 0, 0])).skip(1), { instanceOf: RangeError });
  t.throws(() => new ProtobufReader(Buffer.alloc(1)).skip(3), { instanceOf: RangeError });
});
