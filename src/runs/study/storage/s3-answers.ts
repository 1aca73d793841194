/** What an S3 store says in XML. */
import { DOMParser } from 'linkedom';

const parsed = (text: string) => new DOMParser().parseFromString(text, 'text/xml');

interface Element {
  querySelector(name: string): { textContent: string | null } | null;
}

const said = (element: Element, name: string): string => element.querySelector(name)?.textContent ?? '';

/** The words of an error; both empty where there are none. */
export function wordsOf(text: string): { code: string; message: string } {
  if (!/<Error/.test(text)) return { code: '', message: '' };
  const error = parsed(text);
  return { code: said(error, 'Code'), message: said(error, 'Message').replace(/\.$/, '') };
}

/** A page of a list: keys with their etags, and what the next page is asked for by. */
export function listIn(text: string): { objects: [key: string, etag: string][]; next?: string } {
  const page = parsed(text);
  const objects = [...page.querySelectorAll('Contents')].map((object): [string, string] => [
    decodeURIComponent(said(object, 'Key').replaceAll('+', '%20')),
    said(object, 'ETag'),
  ]);
  const next = said(page, 'IsTruncated') === 'true' ? said(page, 'NextContinuationToken') : '';
  return { objects, ...(next && { next }) };
}
