/**
 * The page: one file with its style, scripts and numbers, which loads nothing else. Its policy forbids every request,
 * and any style or script other than its own. It is readable without scripts, and on paper.
 *
 * The same model gives the same bytes.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { barChart, closeUp, timeline } from './charts.ts';
import { cpuChart } from './cpu-chart.ts';
import { flameGraphs } from './flame.ts';
import { embeddedJson, Markup, markup } from './markup.ts';
import type { Caution, Finding, Page, Part, Section } from './model.ts';
import { Hues, subjectsOf } from './palette.ts';
import { STYLE } from './style.ts';
import { dataTable } from './table.ts';

/** The page's scripts, independent of each other; the page works without them. */
const SCRIPTS = ['theme', 'sort', 'flame', 'save'] as const;

const scriptText = (name: (typeof SCRIPTS)[number]): string =>
  readFileSync(new URL(`client/${name}.js`, import.meta.url), 'utf8').trim();

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The document. */
export function pageHtml(page: Page): string {
  const hues = new Hues(subjectsOf(page), page.hues);
  const scripts = SCRIPTS.map(scriptText);
  const policy = [
    "default-src 'none'",
    `style-src ${hashOf(STYLE)}`,
    `script-src ${scripts.map(hashOf).join(' ')}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="${page.generator}">
<title>${page.title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(STYLE)}</style>
</head>
<body>
<header>
<p class="command"><code>${page.command}</code></p>
<h1>${page.title}</h1>
<nav id="tools" aria-label="Page"></nav>
</header>
<main>
${page.about?.map(
  (paragraph) => markup`<p class="about lead-in">${paragraph}</p>
`,
)}${page.findings.length > 0 && findings(page.findings)}
${page.cautions.length > 0 && cautions(page.cautions)}
${page.sections.map((section) => sectionOf(section, hues))}
</main>
<footer>
${
  page.reproduce.length > 0 &&
  markup`<h2>To reproduce</h2>
<pre class="scroll" tabindex="0">${page.reproduce.join('\n')}</pre>
`
}<p>${page.generator}. Every number here was computed by it; this page only shows them.</p>
</footer>
<script type="application/json" id="numbers">${embeddedJson(page)}</script>
${scripts.map(
  (text) => markup`<script type="module">${new Markup(text)}</script>
`,
)}</body>
</html>
`.text;
}

/** Shapes distinguish tones where colours do not. */
const SHAPES: Readonly<Record<Finding['tone'], string>> = { same: '=', small: '≈', material: '≠', unknown: '?' };

const findings = (all: readonly Finding[]): Markup => markup`<section class="findings" aria-label="Verdict">
${all.map(
  ({
    about,
    tone,
    word,
    sentence,
  }) => markup`<article class="finding ${tone}"><h2><span class="shape" aria-hidden="true">${SHAPES[tone]}</span> ${about} <span class="word">${word}</span></h2><p>${sentence}</p></article>
`,
)}</section>
`;

/** Keeps options in one piece: a line may break after any hyphen. */
const unbroken = (text: string): Markup[] =>
  text
    .split(/(--?[a-z][\w-]*)/i)
    .map((part, i) => (i % 2 === 0 ? markup`${part}` : markup`<span class="option">${part}</span>`));

const cautions = (all: readonly Caution[]): Markup => markup`<section class="cautions">
<h2>Before you believe it</h2>
<ul>${all.map(
  ({
    reasons,
    remedy,
  }) => markup`<li>${reasons.map((why, i) => markup`${i > 0 && markup`<br>`}${why}`)} <span class="remedy">${unbroken(remedy)}</span></li>
`,
)}</ul>
</section>
`;

const sectionOf = ({ title, about, parts }: Section, hues: Hues): Markup => markup`<section>
<h2>${title}</h2>
${about !== undefined && markup`<p class="about">${about}</p>`}
${parts.map((part) => partOf(part, hues))}
</section>
`;

function partOf(part: Part, hues: Hues): Markup {
  switch (part.kind) {
    case 'table':
      return dataTable(part);
    case 'bars':
      return barChart(part, hues);
    case 'timeline':
      return timeline(part, hues);
    case 'cpus':
      return cpuChart(part, hues);
    case 'close-up':
      return closeUp(part, hues);
    case 'flames':
      return flameGraphs(part, hues);
  }
}
