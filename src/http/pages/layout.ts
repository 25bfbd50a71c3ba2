// The frame of the pages that people see. No script, nothing from elsewhere, and one style that its hash permits.

import { createHash } from 'node:crypto';
import { escapeAttribute } from '../../xmpp/escape.js';

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5b6b7b; --line: #d8dee5; --paper: #fbfcfd; --mark: #0b6bcb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #98a6b5; --line: #2c3742; --paper: #12181f; --mark: #6cb2f7; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 3rem 1.25rem; max-width: 44rem; font: 16px/1.6 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .5rem 0; } .soft { color: var(--soft); } a { color: var(--mark); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 500; color: var(--soft); width: 40%; } td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
pre { padding: .9rem 1rem; border: 1px solid var(--line); border-radius: .5rem; overflow-x: auto; } p code { white-space: nowrap; } code, pre { font: .875rem/1.5 ui-monospace, monospace; }
@media (max-width: 32rem) { body { padding-top: 1.5rem; } .long th, .long td { display: block; width: auto; padding-right: 0; } .long th { padding-bottom: 0; border: 0; } .long td { padding-top: 0; } }
`;

/** The Content-Security-Policy of every page. */
export const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** HTML that was written here, as opposed to text that has to be escaped. */
export class Html {
  constructor(readonly text: string) {}
}

/** A template whose values are escaped unless they are Html. */
export function html(parts: TemplateStringsArray, ...values: readonly unknown[]): Html {
  return new Html(parts.map((part, at) => part + (at < values.length ? written(values[at]) : '')).join(''));
}

function written(value: unknown): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(written).join('');
  return escapeAttribute(String(value));
}

export function layout(title: string, content: Html): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${written(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${content.text}
</body>
</html>
`;
}

/** Rows of names and values; `long` ones stand below each other on a phone. */
export function table(
  rows: readonly (readonly [name: string, value: unknown])[],
  kind: 'short' | 'long' = 'short',
): Html {
  return html`<table class="${kind}">${rows.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>\n`)}</table>`;
}

/** `3 days 4 h`, `5 min 12 s`. */
export function span(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} ${days === 1 ? 'day' : 'days'} ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}
