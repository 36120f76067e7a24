// What the reflection service knows: which file declares which name, what each file needs, who extends what. Made from
// the FileDescriptorSet that `buf build` writes; its files come back with every byte that they had.
//
// Names are fully qualified, without a leading dot. Values of an enum live in the scope around the enum (C++ scoping):
// `docdb.v1.DATABASE_STATE_OPEN`. https://protobuf.com/docs/descriptors

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

interface IndexedFile {
  readonly bytes: Uint8Array;
  readonly dependencies: readonly string[];
}

export class DescriptorIndex {
  /** Full names of all services, in alphabetical order. */
  readonly services: readonly string[];
  readonly #files = new Map<string, IndexedFile>();
  /** The file of every declared name. */
  readonly #symbols = new Map<string, string>();
  readonly #messages = new Set<string>();
  /** The files of the extensions of a message, by field number. */
  readonly #extensions = new Map<string, Map<number, string>>();

  /** Reads an encoded FileDescriptorSet. */
  constructor(descriptorSet: Uint8Array) {
    const services: string[] = [];
    for (const file of fromBinary(FileDescriptorSetSchema, descriptorSet).file) {
      const bytes = toBinary(FileDescriptorProtoSchema, file);
      this.#files.set(file.name, { bytes, dependencies: file.dependency });
      for (const service of file.service) {
        const name = qualified(file.package, service.name);
        services.push(name);
        this.#symbols.set(name, file.name);
        for (const method of service.method) this.#symbols.set(qualified(name, method.name), file.name);
      }
      this.#addDeclarations(file);
    }
    this.services = services.sort();
  }

  /** The encoded file and all that it needs, itself first; undefined when there is no such file. */
  file(name: string): Uint8Array[] | undefined {
    if (!this.#files.has(name)) return undefined;
    const found = new Set([name]);
    // A set is iterated over what is added meanwhile, too.
    for (const each of found) for (const dependency of this.#files.get(each)?.dependencies ?? []) found.add(dependency);
    return [...found].flatMap((each) => this.#files.get(each)?.bytes ?? []);
  }

  /** The file that declares this service, method, message, field, oneof, enum, enum value or extension. */
  fileOfSymbol(symbol: string): string | undefined {
    return this.#symbols.get(symbol);
  }

  /** The file that declares the extension of a message with this field number. */
  fileOfExtension(message: string, fieldNumber: number): string | undefined {
    return this.#extensions.get(message)?.get(fieldNumber);
  }

  /** The field numbers of a message's extensions; undefined when there is no such message. */
  extensionsOf(message: string): number[] | undefined {
    if (!this.#messages.has(message)) return undefined;
    return [...(this.#extensions.get(message)?.keys() ?? [])];
  }

  #addDeclarations(file: FileDescriptorProto): void {
    for (const message of file.messageType) this.#addMessage(file.name, file.package, message);
    for (const declared of file.enumType) this.#addEnum(file.name, file.package, declared);
    for (const extension of file.extension) this.#addExtension(file.name, file.package, extension);
  }

  #addMessage(file: string, scope: string, message: DescriptorProto): void {
    const name = qualified(scope, message.name);
    this.#messages.add(name);
    this.#symbols.set(name, file);
    for (const member of [...message.field, ...message.oneofDecl])
      this.#symbols.set(qualified(name, member.name), file);
    for (const nested of message.nestedType) this.#addMessage(file, name, nested);
    for (const nested of message.enumType) this.#addEnum(file, name, nested);
    for (const nested of message.extension) this.#addExtension(file, name, nested);
  }

  #addEnum(file: string, scope: string, declared: EnumDescriptorProto): void {
    this.#symbols.set(qualified(scope, declared.name), file);
    for (const value of declared.value) this.#symbols.set(qualified(scope, value.name), file);
  }

  #addExtension(file: string, scope: string, extension: FieldDescriptorProto): void {
    this.#symbols.set(qualified(scope, extension.name), file);
    const extended = extension.extendee.replace(/^\./, "");
    const numbers = this.#extensions.get(extended) ?? new Map<number, string>();
    this.#extensions.set(extended, numbers.set(extension.number, file));
  }
}

function qualified(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}
