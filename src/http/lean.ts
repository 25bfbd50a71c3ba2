// A file of the chat page as it is served: without the comments that have lines of their own, and without indentation. It is no
// minifier: it reads lines, not JavaScript, so the files of the page begin no line of a template or text like a comment.

const COMMENT = /^[ \t]*(?:\/\/.*|\/\*(?:(?!\*\/)[\s\S])*\*\/[ \t]*)\n/gm;
const INDENTATION = /^[ \t]+|^\n/gm;

/** The same program, style or page in fewer bytes. */
export function lean(source: string): string {
  return source.replace(COMMENT, '').replace(INDENTATION, '');
}
