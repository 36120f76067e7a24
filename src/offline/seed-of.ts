// What a checksum was seeded with. CRC-32 can be run backwards: of bytes and their checksum the seed follows. So when
// the header of a file is damaged, and with it the salt, the file's records tell what the salt was.

const table = makeTable();
/** The place in the table by the top byte of what stands there: each top byte occurs once. */
const byTopByte = new Uint8Array(256);
table.forEach((word, i) => {
  byTopByte[word >>> 24] = i;
});

/** The seed under which `bytes` have this checksum. There is always exactly one. */
export function seedOf(bytes: Uint8Array, checksum: number): number {
  let state = ~checksum >>> 0;
  for (let i = bytes.length - 1; i >= 0; i--) {
    const place = byTopByte[state >>> 24] as number;
    state = (((state ^ (table[place] as number)) << 8) | (place ^ (bytes[i] as number))) >>> 0;
  }
  return ~state >>> 0;
}

function makeTable(): Uint32Array {
  const polynomial = 0xedb8_8320;
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let word = byte;
    for (let bit = 0; bit < 8; bit++) word = (word & 1) === 1 ? (word >>> 1) ^ polynomial : word >>> 1;
    return word >>> 0;
  });
}
