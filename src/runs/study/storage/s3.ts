/** Stores that speak the protocol of Amazon S3: AWS itself, MinIO, Ceph, Garage, R2, … Requests are signed by aws4fetch, which is an optional package. */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { fail, importOptional } from '../../../base/index.js';
import { listIn, wordsOf } from './s3-answers.js';
import type { Store } from './types.js';

export interface StoreOptions {
  /** Milliseconds for which a call goes on trying while the store is away; asked again and again. Default 10 s. */
  patience?: () => number;
  /** Where the settings of AWS are; default the environment of this process. */
  env?: Readonly<Record<string, string | undefined>>;
}

/** From the first to the longest pause between two tries. */
const PAUSES_MS = [100, 5000] as const;
/** An answer takes so long at most, and longer by so many milliseconds for every byte. */
const [ANSWER_MS, MS_PER_BYTE] = [30_000, 0.01];

/** Whether an address is that of a store. */
export const isStore = (url: string): boolean => /^s3:\/\/[^/]/.test(url);

interface Request {
  method: 'GET' | 'PUT' | 'DELETE';
  key?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Uint8Array;
  /** Bytes that are expected. */
  size?: number;
}

/** @throws UserError for an address or an environment that cannot be. */
export async function openS3(
  url: string,
  { patience, env = process.env }: StoreOptions = {},
): Promise<Store> {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)(?:\/(.*?))?\/*$/.exec(url) ?? [];
  if (!bucket) fail(`${url} is not the address of a store: give s3://BUCKET/PREFIX.`);
  const send = await sender(url, baseOf(bucket, env), patience ?? (() => 10_000), env);
  // Some servers (Ceph 16) compare etags without the quotation marks that they give them.
  let isBare = false;
  const under = prefix ? `${prefix}/` : '';
  return {
    address: url,
    async read(key, size) {
      const answer = await send({ method: 'GET', key: under + key, size });
      if (answer.status === 404 && wordsOf(answer.text()).code !== 'NoSuchBucket') return undefined;
      const { bytes, headers } = answer.expect(200);
      const [now, then] = ['date', 'last-modified'].map((name) => Date.parse(headers.get(name) ?? ''));
      return { bytes, etag: headers.get('etag') ?? '', age: now - then || 0 };
    },
    async write(key, body, condition) {
      const put = (headers: Record<string, string>) =>
        send({ method: 'PUT', key: under + key, headers, body });
      if (condition === undefined) return etagOf(await put({}));
      if (condition === 'absent') return etagOf(await put({ 'if-none-match': '*' }));
      const { etag } = condition;
      const written = isBare ? undefined : etagOf(await put({ 'if-match': etag }));
      if (written !== undefined) return written;
      const again = etagOf(await put({ 'if-match': etag.replaceAll('"', '') }));
      isBare ||= again !== undefined;
      return again;
    },
    async remove(key) {
      const answer = await send({ method: 'DELETE', key: under + key });
      if (answer.status !== 404) answer.expect(200, 204);
    },
    async list(start) {
      const found = new Map<string, string>();
      for (let token: string | undefined; ; ) {
        const query = {
          'list-type': '2',
          'encoding-type': 'url',
          prefix: under + start,
          ...(token && { 'continuation-token': token }),
        };
        const page = listIn((await send({ method: 'GET', query })).expect(200).text());
        for (const [key, etag] of page.objects) found.set(key.slice(under.length), etag);
        token = page.next;
        if (!token) return found;
      }
    },
  };
}

/** Of what was written; undefined where a condition did not hold, or (404) there is nothing any more that it could be about. */
const etagOf = (answer: Answer): string | undefined =>
  answer.status === 412 || (answer.status === 404 && wordsOf(answer.text()).code !== 'NoSuchBucket')
    ? undefined
    : (answer.expect(200).headers.get('etag') ?? '');

type Environment = NonNullable<StoreOptions['env']>;

const regionIn = (env: Environment): string => env.AWS_REGION || env.AWS_DEFAULT_REGION || 'us-east-1';

/** Where the objects of a bucket are, without a '/' at the end. */
function baseOf(bucket: string, env: Environment): string {
  const endpoint = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL;
  if (endpoint) return `${endpoint.replace(/\/+$/, '')}/${bucket}`;
  const host = `s3.${regionIn(env)}.amazonaws.com`;
  // The certificate of *.s3… holds for names without dots.
  return bucket.includes('.') ? `https://${host}/${bucket}` : `https://${bucket}.${host}`;
}

interface Answer {
  status: number;
  headers: Headers;
  bytes: Uint8Array;
  text(): string;
  /** Itself, where it has one of these states. @throws UserError */
  expect(...states: number[]): Answer;
}

async function sender(url: string, base: string, patience: () => number, env: Environment) {
  const { AwsClient } = await importOptional('aws4fetch', () => import('aws4fetch'), `The storage ${url}`);
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId || !secretAccessKey)
    return fail(
      `The storage ${url} needs keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_ENDPOINT_URL unless it is on AWS itself.`,
    );
  const client = new AwsClient({
    accessKeyId,
    secretAccessKey,
    sessionToken: env.AWS_SESSION_TOKEN,
    service: 's3',
    region: regionIn(env),
    retries: 0,
  });
  const once = async ({ method, key, query, headers, body, size = 0 }: Request): Promise<Answer> => {
    const path = key === undefined ? '' : `/${encoded(key, '/')}`;
    const asked = Object.entries(query ?? {}).map(([name, value]) => `${name}=${encoded(value)}`);
    const response = await client.fetch(`${base}${path}${asked.length ? `?${asked.join('&')}` : ''}`, {
      method,
      // Signed, so that the store refuses bytes that were damaged on their way.
      headers: {
        ...headers,
        'x-amz-content-sha256': createHash('sha256')
          .update(body ?? '')
          .digest('hex'),
      },
      ...(body && { body: body as Uint8Array<ArrayBuffer> }),
      signal: AbortSignal.timeout(ANSWER_MS + Math.ceil(MS_PER_BYTE * Math.max(size, body?.length ?? 0))),
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const answer: Answer = {
      status: response.status,
      headers: response.headers,
      bytes,
      text: () => new TextDecoder().decode(bytes),
      expect(...states) {
        if (states.includes(answer.status)) return answer;
        const { code, message } = wordsOf(answer.text());
        return fail(
          `The storage ${url} answers ${answer.status}${code && ` ${code}`}${message && ` (${message})`}: check the bucket, and the AWS_… variables for keys, region and endpoint.`,
        );
      },
    };
    return answer;
  };
  return async (request: Request): Promise<Answer> => {
    const begun = performance.now();
    for (let pause: number = PAUSES_MS[0]; ; pause = Math.min(2 * pause, PAUSES_MS[1])) {
      const answer = await once(request).catch((error: Error) => {
        if (error.cause || error.name === 'TimeoutError') return error;
        throw error;
      });
      if (!(answer instanceof Error) && !isPassing(answer.status)) return answer;
      if (performance.now() - begun + pause > patience()) {
        if (!(answer instanceof Error)) return answer.expect();
        const why = ((answer.cause as Error | undefined)?.message || answer.message).split('\n')[0];
        return fail(
          `There is no answer from the storage ${url} (${why}): check AWS_ENDPOINT_URL, and that it runs.`,
        );
      }
      await wait(pause);
    }
  };
}

/** 409: another write to the same object is not over yet. */
const isPassing = (status: number): boolean => status >= 500 || [408, 409, 425, 429].includes(status);

/** As RFC 3986 has it, with `kept` as it is. */
const encoded = (text: string, kept = ''): string =>
  text.replace(/[^A-Za-z0-9._~-]/gu, (letter) =>
    letter === kept
      ? letter
      : [...new TextEncoder().encode(letter)]
          .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
          .join(''),
  );
