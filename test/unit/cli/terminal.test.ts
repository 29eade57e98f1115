import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { standardOutput } from '#cli/terminal.ts';

const REFUSED = { code: 'failed', message: 'standard output cannot be written: write EPIPE' };

describe('standard output', () => {
  it('is written before a command ends', async () => {
    const written: string[] = [];
    const slow = new Writable({
      write: (chunk, _encoding, done) => void setTimeout(() => done(void written.push(String(chunk)) as undefined), 5),
    });
    const output = standardOutput(slow);
    output.line('one');
    output.line('two');
    await output.flush();
    assert.equal(written.join(''), 'one\ntwo\n');
  });

  it('that nobody reads is an error of the command, at the next line or at the end', async () => {
    const broken = () => new Writable({ write: (_chunk, _encoding, done) => done(new Error('write EPIPE')) });
    const ending = standardOutput(broken());
    ending.line('one');
    await assert.rejects(ending.flush(), REFUSED);
    const going = standardOutput(broken());
    going.line('one');
    await new Promise((resolve) => setImmediate(resolve));
    assert.throws(() => going.line('two'), REFUSED);
    await assert.rejects(going.flush(), REFUSED);
  });
});
