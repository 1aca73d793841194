/** Who may ask the server, and what a page from it may do. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Sent with everything. A page may load scripts, styles and data from this server alone, and nobody may frame it. */
export const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Reports are complete in themselves and have no scripts. */
export const REPORT_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups";

const COOKIE = 'espalier-token';

export const isLoopback = (host: string): boolean => ['127.0.0.1', '::1', 'localhost'].includes(host);

/** The name in a Host header, without the port. */
const nameIn = (header = ''): string => header.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');

export type Verdict = 'welcome' | 'set-cookie' | 'refused';

/**
 * Without a token only pages of this machine may ask, by a name of this machine: another site's name that resolves to
 * 127.0.0.1 is refused. With one it is given once in the address, and kept in a cookie that scripts cannot read.
 */
export function judge(request: IncomingMessage, address: URL, token: string | undefined): Verdict {
  if (!isOwnPage(request)) return 'refused';
  if (token === undefined) return isLoopback(nameIn(request.headers.host)) ? 'welcome' : 'refused';
  const given = address.searchParams.get('token');
  if (given !== null) return isEqual(given, token) ? 'set-cookie' : 'refused';
  const cookies = (request.headers.cookie ?? '').split('; ');
  const kept = cookies.find((cookie) => cookie.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
  return kept !== undefined && isEqual(kept, token) ? 'welcome' : 'refused';
}

/** A request that changes something must come from a page of this server: other sites cannot set Origin. */
function isOwnPage({ method, headers }: IncomingMessage): boolean {
  if (method === 'GET' || method === 'HEAD') return true;
  return (
    headers.origin !== undefined &&
    URL.canParse(headers.origin) &&
    new URL(headers.origin).host === headers.host
  );
}

function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export const cookieFor = (token: string): string => `${COOKIE}=${token}; HttpOnly; SameSite=Strict; Path=/`;
