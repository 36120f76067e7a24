// One hostile client: it has a connection, does one thing after another that its seed draws, and judges each answer.

import { type ClientHttp2Session, type ClientHttp2Stream, constants } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { type DescMethod, fromBinary } from "@bufbuild/protobuf";
import { Prng } from "../../src/platform/sim/prng.ts";
import { answerOf, framed, type RawAnswer, rawSession, rawStream } from "../rpc/raw-client.ts";
import { abuses } from "./abuses.ts";
import { drawn, pathOf } from "./grammar.ts";
import { type Circumstances, nameOf, problemWith } from "./judge.ts";
import { mutated } from "./mutation.ts";
import { type Delays, Patience } from "./patience.ts";
import { runPipeline } from "./pipeline-abuse.ts";
import { type Memory, RandomMessages } from "./random-message.ts";
import { talkNonsense } from "./raw-bytes.ts";
import { makeRawCalls } from "./raw-calls.ts";

/** Tokens, ids and versions that are remembered. */
const remembered = 50;
/** The longest deadline and what an answer may be late by, and more. */
const stepMs = 45_000;
/** How long a call may take that is made in a way in which none is: some have no other end. */
const abuseMs = 500;
/** RPCs that go on until their caller ends them. */
const endless: readonly string[] = ["Watch"];

/** Statuses of methods that others don't have: what goes on in the background ends when its database is closed. */
const alsoDue: Readonly<Record<string, readonly string[]>> = {
  GetMetrics: ["UNIMPLEMENTED"],
  CompactDatabase: ["UNAVAILABLE"],
  VerifyDatabase: ["UNAVAILABLE"],
  HealDatabase: ["UNAVAILABLE"],
};

/** What clients did, by status. */
export type Tally = Record<string, number>;

export class FuzzClient {
  readonly random: Prng;
  readonly messages: RandomMessages;
  readonly memory: Memory = { tokens: [], transactions: [], versions: [] };
  readonly socket: string;
  readonly tally: Tally;
  readonly delays: Delays;
  /** What it does now, to be told when that never ends. */
  doing = "";
  #session: ClientHttp2Session | undefined;

  constructor(socket: string, seed: number, client: number, tally: Tally, delays: Delays) {
    this.socket = socket;
    this.random = new Prng(seed, client);
    this.messages = new RandomMessages(this.random, this.memory);
    this.tally = tally;
    this.delays = delays;
  }

  /** Does one thing; throws when the server's answer is one that it must not give, or never comes. */
  async step(): Promise<void> {
    const { lost, stop } = new Patience(this.delays).lostAfter(
      stepMs,
      () => `${this.doing}, ${this.#connectionState()}`,
    );
    await Promise.race([this.#step(), lost]).finally(stop);
  }

  async #step(): Promise<void> {
    const drawnStep = this.random.below(100);
    if (drawnStep < 62) await this.#call();
    else if (drawnStep < 74) await runPipeline(this);
    else if (drawnStep < 80) await this.#callAndLeave();
    else if (drawnStep < 83) await this.#drop();
    else if (drawnStep < 85) await this.#readSlowly();
    else if (drawnStep < 87) await this.#makeRawCalls();
    else if (drawnStep < 88) await this.#talkNonsense();
    else await this.#abuse();
  }

  /** The client's connection; a new one when it was lost. */
  async session(): Promise<ClientHttp2Session> {
    const session = this.#session;
    if (session !== undefined && !session.closed && !session.destroyed) return session;
    this.#session = await rawSession(this.socket);
    return this.#session;
  }

  close(): void {
    this.#session?.destroy();
  }

  #connectionState(): string {
    const session = this.#session;
    if (session === undefined) return "no connection";
    const { closed, destroyed, connecting, state } = session;
    return JSON.stringify({ closed, destroyed, connecting, ...state });
  }

  /** Judges an answer. */
  judge(what: string, request: Uint8Array, answer: RawAnswer, circumstances: Circumstances): void {
    const name = nameOf(answer);
    this.tally[name] = (this.tally[name] ?? 0) + 1;
    const problem = problemWith(answer, circumstances);
    if (problem === undefined) return;
    const hex = Buffer.from(request.subarray(0, 400)).toString("hex");
    throw new Error(`${what}: ${problem}\nrequest of ${request.length} bytes: ${hex}`);
  }

  /** A request of a method, and whether it is clean. */
  request(method: DescMethod): Uint8Array {
    const clean = this.random.chance(0.6);
    const request = this.messages.draw(method.input, clean);
    return this.random.chance(0.12) ? mutated(request, this.random) : request;
  }

  #method(): DescMethod {
    return drawn[this.random.below(drawn.length)] as DescMethod;
  }

  /** A method that ends by itself. */
  #endingMethod(): DescMethod {
    for (;;) {
      const method = this.#method();
      if (!endless.includes(method.name)) return method;
    }
  }

  async #call(): Promise<void> {
    const method = this.#method();
    const timeoutMs = this.#timeoutOf(method);
    const request = this.request(method);
    this.doing = `${method.name} within ${timeoutMs} ms`;
    const stream = rawStream(await this.session(), pathOf(method), { "grpc-timeout": `${timeoutMs}m` });
    const patience = new Patience(this.delays);
    const answer = answerOf(stream);
    await this.#send(stream, method, request);
    const answered = await answer;
    const also = alsoDue[method.name];
    this.judge(method.name, request, answered, { also, tookMs: patience.tookMs, timeoutMs });
    this.#learn(method, answered);
  }

  /** Sends a request in one piece or in several, and closes the client's side. */
  async #send(stream: ClientHttp2Stream, method: DescMethod, request: Uint8Array): Promise<void> {
    const bytes = framed(request);
    if (this.random.chance(0.1)) {
      const cut = this.random.below(bytes.length);
      stream.write(bytes.subarray(0, cut));
      await sleep(this.random.below(5));
      stream.write(bytes.subarray(cut));
    } else {
      stream.write(bytes);
    }
    if (method.methodKind === "bidi_streaming" && this.random.chance(0.5)) stream.write(framed(this.request(method)));
    stream.end();
  }

  #timeoutOf(method: DescMethod): number {
    if (endless.includes(method.name)) return 1 + this.random.below(100);
    return this.random.chance(0.2) ? 1 + this.random.below(50) : 20_000;
  }

  /** Begins a call and resets it at some moment. */
  async #callAndLeave(): Promise<void> {
    const method = this.#method();
    const request = this.request(method);
    this.doing = `${method.name}, left`;
    const stream = rawStream(await this.session(), pathOf(method));
    const answer = answerOf(stream);
    stream.write(framed(request));
    if (this.random.chance(0.7)) stream.end();
    const patience = new Patience(this.delays);
    if (this.random.chance(0.7)) await sleep(this.random.below(20));
    stream.close(
      this.random.pick([constants.NGHTTP2_CANCEL, constants.NGHTTP2_REFUSED_STREAM, constants.NGHTTP2_INTERNAL_ERROR]),
    );
    const circumstances = { abandoned: true, tookMs: patience.tookMs, timeoutMs: 20_000 };
    this.judge(`${method.name}, left`, request, await answer, {
      ...circumstances,
      also: ["CANCELLED", ...(alsoDue[method.name] ?? [])],
    });
  }

  /** Cuts the connection while calls are in flight. */
  async #drop(): Promise<void> {
    this.doing = "a connection that is cut";
    const session = await this.session();
    const answers = Array.from({ length: 1 + this.random.below(20) }, () => {
      const method = this.#method();
      const stream = rawStream(session, pathOf(method));
      const answer = answerOf(stream);
      stream.end(framed(this.request(method)));
      return answer;
    });
    await sleep(this.random.below(10));
    session.destroy();
    await Promise.all(answers);
  }

  async #talkNonsense(): Promise<void> {
    this.doing = "nonsense";
    await talkNonsense(this.socket, this.random);
  }

  async #makeRawCalls(): Promise<void> {
    this.doing = "calls frame by frame";
    await makeRawCalls(this.socket, this.random, () => {
      const method = this.#method();
      return { path: pathOf(method), request: this.request(method) };
    });
  }

  /** Asks for much and reads it late, if at all. */
  async #readSlowly(): Promise<void> {
    const method = this.random.chance(0.5)
      ? this.#method()
      : (drawn.find(({ name }) => name === "ScanDocuments") ?? this.#method());
    const stream = rawStream(await this.session(), pathOf(method), { "grpc-timeout": "3S" });
    const request = this.request(method);
    this.doing = `${method.name}, read late`;
    stream.end(framed(request));
    const answer = sleep(this.random.below(100)).then(() => answerOf(stream));
    const patience = new Patience(this.delays);
    if (this.random.chance(0.5)) setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), this.random.below(150));
    const answered = await answer;
    // Headers that came before anybody listened are lost.
    const also = ["none", "CANCELLED", ...(alsoDue[method.name] ?? [])];
    this.judge(this.doing, request, answered, { also, tookMs: patience.tookMs, timeoutMs: 3_000 });
  }

  async #abuse(): Promise<void> {
    const abuse = this.random.pick(abuses);
    const method = this.#endingMethod();
    const request = this.request(method);
    const stream = rawStream(await this.session(), pathOf(method), {
      "grpc-timeout": `${abuseMs}m`,
      ...abuse.headers?.(this.random),
    });
    const answer = answerOf(stream);
    const patience = new Patience(this.delays);
    this.doing = `${method.name}, ${abuse.what}`;
    abuse.send(stream, request, this.random);
    const answered = await answer;
    const also = [...abuse.also, ...(alsoDue[method.name] ?? [])];
    const circumstances = { also, tookMs: patience.tookMs, timeoutMs: abuseMs };
    this.judge(`${method.name}, ${abuse.what}`, request, answered, circumstances);
  }

  /** Keeps what an answer says that later requests may use, and sees that it is what the protocol says. */
  #learn(method: DescMethod, { messages }: RawAnswer): void {
    for (const bytes of messages) {
      const message = fromBinary(method.output, bytes) as unknown as Readonly<Record<string, unknown>>;
      const { nextPageToken, resumeToken, transactionId, version } = message;
      if (typeof nextPageToken === "string") keep(this.memory.tokens, nextPageToken);
      if (typeof resumeToken === "string") keep(this.memory.tokens, resumeToken);
      if (typeof transactionId === "string") keep(this.memory.transactions, transactionId);
      if (typeof version === "bigint") keep(this.memory.versions, version);
    }
  }
}

function keep<T>(list: T[], value: T): void {
  list.push(value);
  if (list.length > remembered) list.shift();
}
