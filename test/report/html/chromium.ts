/**
 * Headless Chromium driven through a pipe (--remote-debugging-pipe: JSON between NUL bytes on descriptors 3 and 4), so
 * that a test can check what a page requests, complains about and looks like. No dependency: if there is no Chromium,
 * `findChromium` says so and tests skip.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** The name of a Chromium that starts, or undefined. */
export const findChromium = (): string | undefined =>
  ['chromium', 'chromium-browser', 'google-chrome'].find((name) => spawnSync(name, ['--version']).status === 0);

type Message = {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
  readonly sessionId?: string;
};

export interface View {
  readonly width: number;
  readonly height?: number;
  readonly dark?: boolean;
}

/** One page, and what it did. */
export interface Visit {
  /** Addresses asked for, the page's own first. */
  readonly requests: readonly string[];
  /** Errors and warnings of the console, exceptions, refusals by policy. */
  readonly complaints: readonly string[];
  evaluate(expression: string): Promise<unknown>;
  /** A picture of the page, from one height to another. */
  screenshot(from: number, to: number): Promise<Buffer>;
  show(view: View): Promise<void>;
}

export class Chromium {
  readonly #process: ChildProcess;
  readonly #home: string;
  readonly #waiting = new Map<number, { done: (m: Message) => void; failed: (e: Error) => void }>();
  readonly #listeners: ((m: Message) => void)[] = [];
  #last = 0;

  constructor(program: string) {
    this.#home = mkdtempSync(join(tmpdir(), 'gperf-chromium-'));
    this.#process = spawn(
      program,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--hide-scrollbars',
        '--no-first-run',
        '--disable-background-networking',
        `--user-data-dir=${this.#home}`,
        '--remote-debugging-pipe',
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: this.#home } },
    );
    this.#process.once('exit', (status) => {
      for (const { failed } of this.#waiting.values()) failed(new Error(`${program} ended with ${status}`));
    });
    let rest = Buffer.alloc(0);
    (this.#process.stdio[4] as Readable).on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
        this.#take(JSON.parse(rest.toString('utf8', 0, end)) as Message);
        rest = rest.subarray(end + 1);
      }
    });
  }

  #take(message: Message): void {
    const asked = message.id === undefined ? undefined : this.#waiting.get(message.id);
    if (!asked) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    this.#waiting.delete(message.id!);
    if (message.error) asked.failed(new Error(message.error.message));
    else asked.done(message);
  }

  #send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.#last;
    const text = JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) });
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { done: ({ result }) => resolve(result ?? {}), failed: reject });
      (this.#process.stdio[3] as Writable).write(`${text}\0`);
    });
  }

  /** Opens an address and waits until it has loaded. */
  async visit(url: string, view: View): Promise<Visit> {
    const { targetId } = await this.#send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = (await this.#send('Target.attachToTarget', { targetId, flatten: true })) as {
      sessionId: string;
    };
    const send = (method: string, params?: object): Promise<Record<string, unknown>> =>
      this.#send(method, params, sessionId);
    const [requests, complaints]: [string[], string[]] = [[], []];
    let loaded: () => void = () => undefined;
    const loading = new Promise<void>((resolve) => (loaded = resolve));
    this.#listeners.push(({ method, params = {}, sessionId: from }) => {
      if (from !== sessionId) return;
      if (method === 'Page.loadEventFired') loaded();
      if (method === 'Network.requestWillBeSent') requests.push((params['request'] as { url: string }).url);
      if (method === 'Runtime.exceptionThrown' || method === 'Runtime.consoleAPICalled' || method === 'Log.entryAdded')
        complaints.push(JSON.stringify(params));
    });
    for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await send(`${domain}.enable`);
    let now = view;
    const show = async (next: View): Promise<void> => {
      now = next;
      const { width, height = 900, dark = false } = next;
      await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 });
      await send('Emulation.setEmulatedMedia', {
        features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
      });
    };
    await show(view);
    await send('Page.navigate', { url });
    await loading;
    return {
      requests,
      complaints,
      show,
      evaluate: async (expression) => {
        const asked = await send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
        const { result, exceptionDetails } = asked as { result: { value?: unknown }; exceptionDetails?: unknown };
        if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
        return result.value;
      },
      screenshot: async (from, to) => {
        const { width } = now;
        const clip = { x: 0, y: from, width, height: to - from, scale: 1 };
        const { data } = await send('Page.captureScreenshot', { captureBeyondViewport: true, clip });
        return Buffer.from(data as string, 'base64');
      },
    };
  }

  async close(): Promise<void> {
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#send('Browser.close').catch(() => undefined);
    await exited;
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 5 });
  }
}
