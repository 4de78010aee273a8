"""Searches with UPDATE (RFC 5267): what a client keeps by them is what it would find."""
import os
import random
import re
import unittest

import harness
from instance import Instance, message
from test_imap import Raw

ROUNDS = int(os.environ.get('VX_CONTEXT_ROUNDS', 150))
PROGRAMS = (
    ('UID SEARCH', 'UNSEEN'),
    ('SEARCH', 'OR FLAGGED SUBJECT 7'),
    ('UID SEARCH', 'NOT KEYWORD Later UNDELETED'),
    ('UID SORT', '(REVERSE SUBJECT ARRIVAL) UTF-8 UNDELETED'),
    ('SORT', '(SUBJECT) UTF-8 OR UNSEEN FLAGGED'),
    ('SORT', '(SIZE REVERSE ARRIVAL) UTF-8 TEXT 1'),
)


def numbers(text):
    for part in text.split(','):
        low, _, high = part.partition(':')
        yield from range(int(low), int(high or low) + 1)


class Kept:
    """The results of one search as its client keeps them."""

    def __init__(self, client, i, command, program):
        self.tag, self.command, self.program = f'u{i}', command, program
        client.send(f'{self.tag} {command} RETURN (UPDATE ALL) {program}\r\n')
        status, untagged = client.until(self.tag)
        assert status.startswith('OK'), status
        self.list = self.parse(untagged)

    @staticmethod
    def parse(untagged):
        found = re.search(rb' ALL ([0-9:,]+)', b''.join(
            u for u in untagged if u.startswith(b'* ESEARCH')))
        return list(numbers(found[1].decode())) if found else []

    def find(self, client):
        status, untagged = client.say(f'{self.command} RETURN (ALL) {self.program}')
        assert status.startswith('OK'), status
        return self.parse(untagged)

    def expunged(self, number):
        if self.command.startswith('UID'):
            return
        assert number not in self.list, (self.command, number)
        self.list = [n - (n > number) for n in self.list]

    def update(self, word, pairs):
        for place, new in re.findall(r'(\d+) ([0-9:,]+)', pairs):
            place, new = int(place), list(numbers(new))
            if word == 'REMOVEFROM':
                if place:
                    assert self.list[place - 1:place - 1 + len(new)] == new, (
                        self.list, place, new)
                    del self.list[place - 1:place - 1 + len(new)]
                else:
                    for n in new:
                        self.list.remove(n)
            elif place:
                assert place <= len(self.list) + 1, (self.list, place, new)
                self.list[place - 1:place - 1] = new
            else:
                assert not set(new) & set(self.list), (self.list, new)
                self.list = sorted(self.list + new)


class Context(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = Instance(daemons=('smtpd', 'imapd'))
        cls.mail.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def apply(self, kept, untagged):
        for u in untagged:
            text = u.decode()
            gone = re.match(r'\* (\d+) EXPUNGE', text)
            if gone:
                for k in kept:
                    k.expunged(int(gone[1]))
            told = re.match(r'\* ESEARCH \(TAG "(u\d+)"\)( UID)? (\w+) \((.*)\)\r\n', text)
            if told and told[3] in ('ADDTO', 'REMOVEFROM'):
                k = next(k for k in kept if k.tag == told[1])
                self.assertEqual(bool(told[2]), k.command.startswith('UID'))
                k.update(told[3], told[4])

    def change(self, client, chance):
        """One random change; the untagged responses to it."""
        status, untagged = client.say('NOOP')
        self.assertTrue(status.startswith('OK'), status)
        count = int(client.say('STATUS INBOX (MESSAGES)')[1][-1].split()[-1][:-1])
        what = chance.randrange(10)
        if what < 3 or count < 6:
            subject = f'{chance.randrange(40)}'
            more = client.append('INBOX', message(subject, 'x' * chance.randrange(90)),
                                 chance.choice(('', '(\\Seen) ', '(\\Flagged Later) ')))[1]
        elif what == 3:
            status, more = client.say('EXPUNGE')
        else:
            low = chance.randrange(1, count + 1)
            high = min(count, low + chance.choice((0, 0, 1, 7)))
            flag = chance.choice(('\\Seen', '\\Flagged', '\\Deleted', 'Later'))
            status, more = client.say(f'STORE {low}:{high} {chance.choice("+-")}FLAGS'
                                      f'{chance.choice(("", ".SILENT"))} ({flag})')
        return untagged + more

    def test_lists(self):
        seed = int(os.environ.get('VX_SEED', random.randrange(1 << 30)))
        chance = random.Random(seed)
        keeper, other = Raw(self.mail, 'alice'), Raw(self.mail, 'alice')
        for c in (keeper, other):
            c.say('SELECT INBOX')
        for i in range(12):
            other.append('INBOX', message(f'first {i}'))
        keeper.say('NOOP')
        kept = [Kept(keeper, i, *p) for i, p in enumerate(PROGRAMS)]
        for turn in range(ROUNDS):
            for _ in range(chance.randrange(4)):
                self.change(other, chance)
            if chance.randrange(3) == 0:
                self.apply(kept, self.change(keeper, chance))
            if turn % 3:
                continue
            self.apply(kept, keeper.say('NOOP')[1])
            for k in kept:
                self.assertEqual(k.list, k.find(keeper), (seed, turn, k.command, k.program))
        keeper.close()
        other.close()

    def test_many(self):
        """What is told of ten thousand at once is whole."""
        keeper = Raw(self.mail, 'alice')
        keeper.say('CREATE many')
        text = message('many')
        for _ in range(10):
            keeper.send('m APPEND many')
            for _ in range(100):
                keeper.send(f' {{{len(text)}+}}\r\n'.encode() + text)
            keeper.send('\r\n')
            self.assertTrue(keeper.until('m')[0].startswith('OK'))
        keeper.say('SELECT many')
        for _ in range(3):
            self.assertTrue(keeper.say('COPY 1:* many')[0].startswith('OK'))
        kept = [Kept(keeper, 0, 'UID SEARCH', 'FLAGGED'), Kept(keeper, 1, 'SEARCH', 'UNSEEN'),
                Kept(keeper, 2, 'SORT', '(REVERSE SUBJECT) UTF-8 FLAGGED')]
        odd = ','.join(str(i) for i in range(1, 8000, 2))
        for command in (f'STORE {odd} +FLAGS.SILENT (\\Flagged)',
                        'STORE 1:5000 +FLAGS.SILENT (\\Seen)', 'COPY 1:2000 many',
                        'STORE 3000:6000 +FLAGS.SILENT (\\Deleted)', 'EXPUNGE',
                        'STORE 1:* FLAGS.SILENT ()'):
            status, untagged = keeper.say(command)
            self.assertTrue(status.startswith('OK'), (command, status))
            self.apply(kept, untagged)
            for k in kept:
                self.assertEqual(k.list, k.find(keeper), (command, k.command))
        keeper.close()


if __name__ == '__main__':
    harness.main('__main__')
