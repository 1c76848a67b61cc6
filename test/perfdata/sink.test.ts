/** Where recordings go: whole or not at all, the old one kept, devices and pipes written straight, errors in one sentence. */
import { expect } from 'chai';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { PerfDataIoError } from '../../src/perfdata/errors.ts';
import { openPerfData } from '../../src/perfdata/reader.ts';
import { openSink, type Sink } from '../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../src/perfdata/writer.ts';
import { scratch } from './real-perf.ts';
import { ENV, event, prologue, S, samples } from './recordings.ts';

const write = (sink: Sink, n: number): PerfDataWriter => {
  const writer = new PerfDataWriter(sink, [event('cycles', 0, S.IP | S.TID | S.TIME | S.PERIOD)], { env: ENV });
  writer.write([...prologue(), ...samples(n)]);
  return writer;
};

const failure = (work: () => unknown): PerfDataIoError => {
  try {
    work();
  } catch (error) {
    if (error instanceof PerfDataIoError) return error;
    throw error;
  }
  throw new Error('no error');
};

describe('sinks', () => {
  const dir = scratch();
  const path = dir.file('perf.data');
  after(() => dir.remove());

  it('a file appears when it is complete, for its owner only, and the old one is kept', () => {
    const writer = write(openSink(path), 10);
    expect(existsSync(path)).to.equal(false);
    const { dataEnd, samples: n } = writer.finish();
    expect(n).to.equal(10);
    expect(dataEnd).to.be.lessThan(statSync(path).size);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    const first = readFileSync(path);
    write(openSink(path), 20).finish();
    expect(readFileSync(`${path}.old`).equals(first)).to.equal(true);
    expect(readdirSync(dir.path).toSorted()).to.deep.equal(['perf.data', 'perf.data.old']);
  });

  it('an aborted one leaves no trace', () => {
    const before = readFileSync(path);
    const writer = write(openSink(path), 5);
    writer.abort();
    expect(readFileSync(path).equals(before)).to.equal(true);
    expect(readdirSync(dir.path).toSorted()).to.deep.equal(['perf.data', 'perf.data.old']);
    expect(() => writer.write([])).to.throw('closed');
  });

  it('an id that no event has ends the recording', () => {
    const writer = new PerfDataWriter(openSink(dir.file('bad')), [event('a', 0, S.ID), event('b', 1, S.ID)], {
      env: {},
    });
    expect(() => writer.write(samples(1, () => ({ id: 7 })))).to.throw(RangeError, 'no event has the id 7');
    expect(existsSync(dir.file('bad'))).to.equal(false);
  });

  it('no directory, no permission, no space: the system’s words', () => {
    const none = failure(() => openSink(dir.file('none/perf.data')));
    expect(none).to.include({ code: 'ENOENT', reason: 'No such file or directory', path: dir.file('none/perf.data') });
    expect(none.message).to.equal(`failed to open ${dir.file('none/perf.data')}: No such file or directory`);
    expect(failure(() => openSink(dir.path))).to.include({ code: 'EISDIR', reason: 'Is a directory' });
    expect(failure(() => openSink(`${path}/x`))).to.include({ reason: 'Not a directory' });
    const full = failure(() => write(openSink('/dev/full'), 10).finish());
    expect(full.message).to.equal('failed to write /dev/full: No space left on device');
  });

  it('no permission, when one is not root', function () {
    if (process.getuid?.() === 0) this.skip();
    mkdirSync(dir.file('locked'));
    chmodSync(dir.file('locked'), 0o500);
    expect(failure(() => openSink(dir.file('locked/x')))).to.include({ reason: 'Permission denied' });
  });

  it('/dev/null is written to directly', () => {
    expect(write(openSink('/dev/null'), 10).finish().dataEnd).to.be.greaterThan(400);
    expect(statSync('/dev/null').isCharacterDevice()).to.equal(true);
  });

  it('a named pipe gets the pipe format', async () => {
    const [fifo, copy] = [dir.file('fifo'), dir.file('copy')];
    execFileSync('mkfifo', [fifo]);
    const cat = spawn('sh', ['-c', `cat ${fifo} >${copy}`]);
    const sink = openSink(fifo);
    expect(sink.isPipe).to.equal(true);
    write(sink, 1000).finish();
    await once(cat, 'close');
    const session = openPerfData(copy);
    expect(session.isPipe).to.equal(true);
    expect([...session.records()].filter(({ record }) => record.type === 9)).to.have.length(1000);
    session.close();
  });

  it('an empty file is replaced, a link’s target kept', () => {
    const [target, link] = [dir.file('target'), dir.file('link')];
    writeFileSync(target, 'precious');
    symlinkSync(target, link);
    write(openSink(link), 1).finish();
    expect(readFileSync(target, 'utf8')).to.equal('precious');
    expect(readFileSync(`${link}.old`, 'utf8')).to.equal('precious');
    writeFileSync(dir.file('zero'), '');
    write(openSink(dir.file('zero')), 1).finish();
    expect(existsSync(dir.file('zero.old'))).to.equal(false);
  });
});
