import { RUN_FILES } from '../record/folder.ts';
import type { RunRecord } from '../record/record.ts';
import { escapedTexts } from './escaped.ts';
import { renderHtml } from './html.ts';
import { renderJson } from './json.ts';
import { renderJunit } from './junit.ts';
import { renderMarkdown } from './markdown.ts';
import { renderShort } from './short.ts';
import { renderTerminal, type TerminalOptions } from './terminal.ts';

/** A format of a report: a pure function of the record. */
interface ReportFormat {
  readonly about: string;
  /** Its file in the run's folder; null: it is only printed. */
  readonly file: string | null;
  render(record: RunRecord, options: TerminalOptions): string;
}

export const FORMATS = ['short', 'terminal', 'markdown', 'json', 'junit', 'html'] as const;
export type FormatName = (typeof FORMATS)[number];

/**
 * Text of a record is untrusted: its names, queries and errors come from files and servers. For output to people all of
 * it is escaped here, before the layout; JSON has its own escapes.
 */
function forPeople(render: ReportFormat['render']): ReportFormat['render'] {
  return (record, options) => render(escapedTexts(record), options);
}

/** Every format. A new one is a file, a name above, and a line here. */
export const formats: Readonly<Record<FormatName, ReportFormat>> = {
  short: { about: 'one screen: what a run ends with', file: null, render: forPeople(renderShort) },
  terminal: { about: 'all of it, for a terminal', file: null, render: forPeople(renderTerminal) },
  markdown: {
    about: 'a comment for a pull request',
    file: RUN_FILES.markdown,
    render: forPeople(renderMarkdown),
  },
  json: { about: 'the record itself', file: RUN_FILES.record, render: renderJson },
  junit: {
    about: 'test cases for a CI system',
    file: RUN_FILES.junit,
    render: forPeople(renderJunit),
  },
  html: {
    about: 'the page, in one file, offline',
    file: RUN_FILES.html,
    render: forPeople(renderHtml),
  },
};
