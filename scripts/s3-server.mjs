/**
 * A small and strict server of Amazon S3's protocol, in memory, for tests: it checks signatures (version 4) and the digests of what it gets,
 * heeds If-Match and If-None-Match, and gives lists in pages. It may be away for a while, lose answers, and have the faults that servers have.
 */
import { createHash, createHmac } from 'node:crypto';
import { createServer } from 'node:http';

const KEYS = { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const REGION = 'eu-test-1';
/** Objects in a page of a list. */
const PAGE = 3;

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => createHmac('sha256', key).update(data).digest();
const encoded = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** What is wrong with the signature of a request; undefined where it is right. */
function flawOf(request, url, body) {
  const { authorization = '', 'x-amz-date': date = '', 'x-amz-content-sha256': digest } = request.headers;
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (!parts) return 'AccessDenied';
  const [, id, day, region, signed, signature] = parts;
  if (id !== KEYS.id) return 'InvalidAccessKeyId';
  if (region !== REGION) return 'AuthorizationHeaderMalformed';
  const then = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!date.startsWith(day) || !(Math.abs(Date.now() - then) < 15 * 60_000)) return 'RequestTimeTooSkewed';
  if (digest !== sha256(body)) return 'XAmzContentSHA256Mismatch';
  const names = signed.split(';');
  const needed = ['host', ...Object.keys(request.headers).filter((name) => name.startsWith('x-amz-'))];
  if (needed.some((name) => !names.includes(name))) return 'AccessDenied';
  const query = [...url.searchParams].map((pair) => pair.map(encoded).join('=')).sort();
  const canonical = [
    request.method,
    url.pathname.split('/').map(decodeURIComponent).map(encoded).join('/'),
    query.join('&'),
    ...names.map((name) => `${name}:${request.headers[name].trim().replace(/ +/g, ' ')}`),
    '',
    signed,
    digest,
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const key = [region, 's3', 'aws4_request'].reduce(hmac, hmac(`AWS4${KEYS.secret}`, day));
  const right = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex');
  return signature === right ? undefined : 'SignatureDoesNotMatch';
}

/**
 * Starts a server with one bucket, `bucket`. `env` are the variables by which it is reached. `answer(request)` may say what becomes of a request, as method and
 * key: 'refuse' it with state 503, do it but 'lose' the answer, or have it 'wait' until the server is closed. `quirk` is 'heedless' for a server that ignores conditions, and
 * 'bare' for one that compares etags without their quotation marks.
 */
export async function openS3Server({ quirk } = {}) {
  const objects = new Map();
  const sockets = new Set();
  const server = { objects, env: {}, answer: () => undefined, forbid: false };

  function conditionFails({ 'if-match': match, 'if-none-match': none }, there) {
    if (quirk === 'heedless') return false;
    if (none !== undefined) return none !== '*' || there !== undefined;
    if (match === undefined) return false;
    const right = quirk === 'bare' ? there?.etag.replaceAll('"', '') : there?.etag;
    return match !== right;
  }

  function list(url) {
    const prefix = url.searchParams.get('prefix') ?? '';
    const after = url.searchParams.get('continuation-token') ?? '';
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, PAGE);
    const more = keys.length > page.length;
    const contents = page.map(
      (key) =>
        `<Contents><Key>${encoded(key)}</Key><ETag>${objects.get(key).etag.replaceAll('"', '&quot;')}</ETag></Contents>`,
    );
    return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${
      more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''
    }${contents.join('')}</ListBucketResult>`;
  }

  /** State, body and headers. */
  function handle(request, url, body) {
    const flaw = flawOf(request, url, body);
    if (flaw || server.forbid) return [403, error(flaw ?? 'AccessDenied')];
    const [, bucket, ...path] = url.pathname.split('/').map(decodeURIComponent);
    if (bucket !== 'bucket') return [404, error('NoSuchBucket')];
    const key = path.join('/');
    if (request.method === 'GET' && key === '') return [200, list(url)];
    const there = objects.get(key);
    if (request.method === 'GET') {
      if (!there) return [404, error('NoSuchKey')];
      return [200, there.body, { etag: there.etag, 'last-modified': new Date(there.time).toUTCString() }];
    }
    if (request.method === 'PUT') {
      if (conditionFails(request.headers, there)) return [412, error('PreconditionFailed')];
      const etag = `"${createHash('md5').update(body).digest('hex')}"`;
      objects.set(key, { body, etag, time: Date.now() });
      return [200, '', { etag }];
    }
    if (request.method === 'DELETE') {
      objects.delete(key);
      return [204, ''];
    }
    return [405, error('MethodNotAllowed')];
  }

  const http = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url, 'http://127.0.0.1');
    const fate = server.answer(`${request.method} ${decodeURIComponent(url.pathname)}`);
    if (fate === 'wait') return;
    const [status, body, headers] =
      fate === 'refuse' ? [503, error('SlowDown')] : handle(request, url, Buffer.concat(chunks));
    if (fate === 'lose') request.socket.destroy();
    else response.writeHead(status, headers).end(body);
  });
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const listen = (port) => new Promise((resolve) => http.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = http.address();
  server.env = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_ACCESS_KEY_ID: KEYS.id,
    AWS_SECRET_ACCESS_KEY: KEYS.secret,
    AWS_REGION: REGION,
  };
  server.start = () => listen(port);
  /** Ends all connections; what is stored stays. */
  server.stop = () =>
    new Promise((resolve) => {
      http.close(resolve);
      for (const socket of sockets) socket.destroy();
    });
  return server;
}

const error = (code) =>
  `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>For a test.</Message></Error>`;
