/** A page with made-up numbers and everything that tends to break pages: long names, many rows, hostile names. */
import type { BarRow, Bin, Cell, Estimate, Frame, Page, Subject } from '../../../src/report/html/model.ts';

export const HOSTILE = [
  '</script><script>alert(1)</script>',
  '"onmouseover="alert(2)"',
  "it's <b>bold</b> & <!-- no comment",
  'nul\0bell\u0007escape\u001b[31m',
  'turned\u202etxt.exe',
];

const TEMPLATE =
  'std::_Rb_tree<std::__cxx11::basic_string<char>, std::pair<std::__cxx11::basic_string<char> const, std::vector<unsigned long, std::allocator<unsigned long> > >, std::less<void> >::_M_emplace_hint_unique<std::piecewise_construct_t const&>';

const subjects: readonly Subject[] = [
  { label: 'host', design: 'host' },
  { label: 'legacy', design: 'legacy' },
  { label: 'v2', design: 'v2' },
];

const NAMES = ['qux', 'foo', 'bar', 'main', '__random', '__random_r', 'random@plt', TEMPLATE];
const SHARES = [36.9, 15.05, 14.93, 12.6, 9.87, 8.96, 1.58, 0.11];
/** Steps about a share, the same in every run. */
const wobble = (i: number, j: number): number => (((i * 7 + j * 13) % 11) - 5) / 6;

function rows(names: readonly string[]): BarRow[] {
  return names.map((name, i) => {
    const share = SHARES[i % SHARES.length]! / (1 + Math.floor(i / SHARES.length));
    return {
      name,
      detail: i < 4 ? 'ftest' : 'libc-2.27.so',
      mark: { value: share, text: share.toFixed(2) },
      bars: subjects.map((_, j) => {
        const value = Math.max(0, share + wobble(i, j));
        const half = 0.4 + j / 3;
        const [low, high] = [Math.max(0, value - half), value + half];
        return { value, low, high, text: value.toFixed(2), interval: `${low.toFixed(1)}–${high.toFixed(1)}` };
      }),
    };
  });
}

const bins = (samples: number, period: number, stopped: number): Bin[] =>
  Array.from({ length: 160 }, (_, i) => ({
    samples: Math.max(0, samples * (1 + wobble(i, 3) / 8)),
    ...(i % 50 !== 49 && { period: i < 3 ? (period * (i + 1)) / 4 : period * (1 + wobble(i, 5) / 6) }),
    stopped: stopped === 0 ? 0 : Math.min(1, stopped + (i % 40 < 6 ? -stopped : wobble(i, 1) / 40)),
  }));

function frames(nudge: number, differential: boolean): Frame {
  const leaf = (name: string, share: number, children: readonly Frame[] = []): Frame => ({
    name,
    share,
    children,
    detail: `${(100 * share).toFixed(2)} %, made up`,
    ...(differential && { tone: (((name.length * 5) % 7) - 3) / 3 }),
  });
  return leaf('all', 1, [
    leaf('ftest', 0.98, [
      leaf('_start', 0.98, [
        leaf('__libc_start_main', 0.97, [
          leaf('main', 0.965, [
            leaf('qux', 0.37 + nudge),
            leaf('foo', 0.15 - nudge),
            leaf('bar', 0.14, [leaf(TEMPLATE, 0.08), leaf('tiny', 0.0001)]),
            leaf('random', 0.18, [leaf('__random', 0.17, [leaf('__random_r', 0.09)])]),
          ]),
        ]),
      ]),
    ]),
    ...HOSTILE.map((name) => leaf(name, 0.004)),
  ]);
}

const cell = (value: number, digits = 2): Cell => ({ text: value.toFixed(digits), value });
const estimated = (e: Estimate | undefined): Cell => ({ text: e!.text, value: e!.value, detail: e!.interval! });

const tableRow = ({ name, detail = '', mark, bars: [host, legacy, v2] }: BarRow, i: number): Cell[] => [
  { text: name, detail },
  { text: mark!.text, value: mark!.value },
  estimated(host),
  estimated(legacy),
  estimated(v2),
  cell(v2!.value - host!.value),
  cell(wobble(i, 2) * 4, 1),
  { text: i % 5 === 0 ? 'differs' : '', strong: true },
];

/** As many functions as profiles of real programs have. */
const MANY = Array.from({ length: 30 }, (_, i) => `do_something_${'rather_'.repeat(i % 5)}long_${i}`);

export function madeUpPage(names: readonly string[] = [...NAMES, ...HOSTILE, ...MANY]): Page {
  const bars = rows(names);
  return {
    title: 'ftest under host, legacy and v2',
    command: 'gperf compare --vpmu host,legacy,v2 --truth --export-html page.html ./workloads/ftest',
    generator: 'gperf 0.1.0',
    findings: [
      {
        about: 'legacy against truth',
        tone: 'small',
        word: 'different but small',
        sentence:
          'p = 0.012; total variation 1.31 points, noise floor 1.24; bar makes up 41 % of it, and counting foo and bar as one leaves nothing.',
      },
      {
        about: 'v2 against truth',
        tone: 'same',
        word: 'indistinguishable',
        sentence: 'A shift of 1.9 points would have been found.',
      },
      {
        about: 'v2 against host',
        tone: 'material',
        word: 'materially different',
        sentence: 'Total variation 4.07 points, 4.7 times its noise floor.',
      },
      {
        about: 'old.txt against host',
        tone: 'unknown',
        word: 'not tested',
        sentence: 'Nothing says how many samples.',
      },
    ],
    cautions: [
      {
        reasons: ['legacy was throttled 2599 times: what ran until the next tick was not sampled'],
        remedy: 'sample less often (-F) or raise kernel.perf_cpu_time_max_percent',
      },
      { reasons: [`${names.at(-1)} is a single run`, 'v2 is a single run'], remedy: 'record several seeds (--seeds)' },
    ],
    sections: [
      {
        title: 'Where the time went',
        about: 'Share of cycles by function. Whiskers are 95 % intervals (Wilson) on effective samples.',
        parts: [
          {
            kind: 'bars',
            title: 'Shares by function',
            unit: '% of cycles',
            subjects,
            mark: 'truth',
            whiskers: '95 % interval',
            rows: bars,
          },
          {
            kind: 'table',
            title: 'The same as numbers',
            columns: [
              { title: 'Function', kind: 'name' },
              { title: 'truth', kind: 'number', meaning: 'exact share' },
              ...subjects.map(({ label }) => ({ title: label, group: 'share, %', kind: 'number' as const })),
              { title: 'Δ', group: 'v2 less host', kind: 'number' },
              { title: 'z', group: 'v2 less host', kind: 'number' },
              { title: '', group: 'v2 less host', kind: 'text' },
            ],
            rows: bars.map(tableRow),
            note: 'Sort by pressing a heading.',
          },
        ],
      },
      {
        title: 'When samples were taken',
        about: 'A panel for each design, all on the same axes.',
        parts: [
          {
            kind: 'timeline',
            title: 'Samples and period over time',
            seconds: 10.4,
            rate: 'samples a tick',
            series: [
              {
                subject: subjects[0]!,
                summary: '20,652 samples, never stopped',
                seconds: 5.2,
                bins: bins(16, 698_000, 0),
              },
              {
                subject: subjects[1]!,
                summary: '5,198 samples, stopped 93 % of the time',
                seconds: 10.4,
                bins: bins(2, 700_000, 0.93),
              },
              {
                subject: subjects[2]!,
                summary: '22,550 samples, never stopped',
                seconds: 5.7,
                bins: bins(16, 640_000, 0),
              },
            ],
          },
        ],
      },
      {
        title: 'CPUs',
        parts: [
          {
            kind: 'cpus',
            title: 'Threads on CPUs',
            seconds: 10.4,
            threads: ['clone 1', ...names.slice(-3), '12 others'],
            others: true,
            strokes: 'samples',
            panels: subjects.map((subject, i) => ({
              subject,
              summary: 'made up',
              seconds: i === 1 ? 10.4 : 5.2,
              bins: 80,
              lanes: [0, 1, 17].map((cpu) => ({
                name: `CPU ${cpu}`,
                summary: `of ${names.at(-1)}`,
                bins: Array.from({ length: cpu === 17 ? 40 : 80 }, (_, k) => ({
                  threads:
                    k % 9 === 8
                      ? []
                      : ([
                          [(k + cpu) % 5, 0.6],
                          [(k + 2) % 5, k % 2 === cpu % 2 ? 0.4 : 0],
                        ] as const),
                  stroke: (k % 4) / 3,
                  stopped: i === 1 ? 0.9 : 0,
                })),
              })),
            })),
          },
        ],
      },
      {
        title: 'Ticks',
        parts: [
          {
            kind: 'close-up',
            title: 'A dozen ticks',
            span: 48,
            series: subjects.map((subject, i) => ({
              subject,
              summary: 'made up',
              tick: 4,
              samples: Array.from({ length: 24 }, (_, k) => (i === 1 ? 4 * Math.floor(k / 2) + (k % 2) / 2 : 2 * k)),
              stops: i === 1 ? Array.from({ length: 12 }, (_, k) => [4 * k + 0.6, 4 * k + 4] as const) : [],
            })),
          },
        ],
      },
      {
        title: 'Stacks',
        parts: [
          {
            kind: 'flames',
            title: 'Flame graphs',
            graphs: subjects.map(({ label }, i) => ({
              label,
              design: label,
              differential: false,
              root: frames(i / 100, false),
            })),
          },
          {
            kind: 'flames',
            title: 'Differences',
            graphs: [{ label: 'v2 less host', differential: true, root: frames(0, true) }],
            note: 'Boxes are as wide as the mean of both sides.',
          },
        ],
      },
    ],
    reproduce: ['gperf record --vpmu host --seed ab12 -o host.data ./workloads/ftest'],
  };
}
