"""Dozens of IMAP connections do everything at once to the same mailboxes.

Each keeps the view that a client has of what it was told, and looks at every line whether
it is possible; when all have come to rest they must all see the same.  What happens is
chosen by a seed, but threads and processes interleave as they like: VX_STRESS_SEED repeats
the choices, not the timing.  VX_STRESS_S is how many seconds it lasts.
"""
import collections
import os
import random
import re
import select
import socket
import threading
import time
import unittest

import harness
from instance import DOMAIN, PASSWORD, Instance, message

SECONDS = float(os.environ.get('VX_STRESS_S', '15'))
SEED = int(os.environ.get('VX_STRESS_SEED', '0')) or random.randrange(1, 1 << 30)
CONNECTIONS = int(os.environ.get('VX_STRESS_CONNECTIONS', '24'))
FIXED = ('INBOX', 'Work', 'Busy')
SIDE = ('s0', 's1', 's2')
MANY = 40  # messages in a mailbox, from which on clients rather remove some
FETCH_ALL = '(UID FLAGS%s BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])'
# commands in whose answers sequence numbers must not change (RFC 9051 7.5.1, RFC 5256 3)
STEADY = ('FETCH', 'STORE', 'SEARCH', 'SORT')
MAY_FAIL = {  # response codes of NO, beside OK
    'FETCH': ('EXPUNGEISSUED',), 'STORE': ('EXPUNGEISSUED', 'MODIFIED'),
    'COPY': ('TRYCREATE', 'EXPUNGEISSUED'), 'MOVE': ('TRYCREATE', 'EXPUNGEISSUED'),
    'APPEND': ('TRYCREATE',),
    # the one to be replaced may have gone, and so may the target
    'REPLACE': ('TRYCREATE', 'NONEXISTENT', 'EXPUNGEISSUED'),
    'SELECT': ('NONEXISTENT',), 'EXAMINE': ('NONEXISTENT',), 'STATUS': ('NONEXISTENT',),
    'CREATE': ('ALREADYEXISTS',), 'DELETE': ('NONEXISTENT',),
    'RENAME': ('NONEXISTENT', 'ALREADYEXISTS'),
}


class Impossible(Exception):
    """What no correct server can have said."""


class MailboxWent(Exception):
    """BYE: another has deleted the selected mailbox."""


def numbers_of(text):
    """'1:3,7' as a list, in its order."""
    out = []
    for part in text.split(','):
        first, _, last = part.partition(':')
        a, b = int(first), int(last or first)
        out.extend(range(a, b + 1) if a <= b else range(a, b - 1, -1))
    return out


def set_of(numbers):
    return ','.join(str(n) for n in sorted(numbers))


class Ledger:
    """What all connections know together; a message is (UIDVALIDITY, UID)."""

    def __init__(self):
        self.lock = threading.Lock()
        self.identity = {}  # message: its Message-ID
        self.states = {}  # (message, MODSEQ): its flags
        self.known = set()  # messages that were there once
        self.gone = {}  # message: when somebody was told
        self.doomed = set()  # messages that may have had \Deleted, which CLOSE removes
        self.serial = 0

    def next(self):
        with self.lock:
            self.serial += 1
            return self.serial

    def see(self, key, identity=None, modseq=None, flags=None):
        with self.lock:
            self.known.add(key)
            if identity is not None:
                before = self.identity.setdefault(key, identity)
                if before != identity:
                    raise Impossible(f'{key} is {identity} and {before}')
            if flags is not None and '\\Deleted' in flags:
                self.doomed.add(key)
            if modseq is not None and flags is not None:
                before = self.states.setdefault((key, modseq), flags)
                if before != flags:
                    raise Impossible(
                        f'{key} at MODSEQ {modseq} has {set(flags)} and {set(before)}')

    def copied(self, source, target):
        with self.lock:
            identity = self.identity.get(source)
            if source in self.doomed:
                self.doomed.add(target)
        self.see(target, identity)

    def went(self, key):
        with self.lock:
            self.known.add(key)
            self.gone.setdefault(key, time.monotonic())

    def doom(self, keys):
        with self.lock:
            self.doomed.update(keys)


class Message:
    def __init__(self, uid=None):
        self.uid = uid
        self.flags = None  # None: not told
        self.modseq = 0


class Client:
    def __init__(self, mail, ledger, number, seed):
        self.mail = mail
        self.ledger = ledger
        self.number = number
        self.random = random.Random(seed * 1000 + number)
        self.kind = ('plain', 'condstore', 'qresync', 'rev2')[number % 4]
        self.modseqs = self.kind in ('condstore', 'qresync')
        self.keyword = f'k{number}'
        self.mine = {}  # message: whether it has my keyword; nobody else touches it
        self.lines = collections.deque(maxlen=60)
        self.commands = collections.Counter()
        self.left = {}  # mailbox name: what QRESYNC needs when it is selected again
        self.connect()

    # --- the wire ---------------------------------------------------------------

    def connect(self):
        s = socket.create_connection(('localhost', self.mail.ports['imaps']), 30)
        self.socket = self.mail.context().wrap_socket(s, server_hostname='localhost')
        self.socket.settimeout(30)
        self.buffer = bytearray()
        self.count = 0
        self.command = 'LOGIN'
        self.deselect()
        self.response()
        self.say('LOGIN', f'LOGIN alice@{DOMAIN} {PASSWORD}')
        if self.kind != 'plain':
            self.say('ENABLE', 'ENABLE ' + {'condstore': 'CONDSTORE', 'qresync': 'QRESYNC',
                                            'rev2': 'IMAP4rev2'}[self.kind])

    def deselect(self):
        self.view = None
        self.name = None
        self.key = None
        self.writable = False
        self.highest = 0  # HIGHESTMODSEQ as it was said
        self.vanished = self.fetched = None
        self.told = set()  # UIDs whose flags were told during this command

    def fill(self):
        octets = self.socket.recv(65536)
        if not octets:
            raise Impossible('the connection was closed')
        self.buffer += octets

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        out = bytes(self.buffer[:count])
        del self.buffer[:count]
        return out

    def line(self):
        while True:
            end = self.buffer.find(b'\n')
            if end >= 0:
                line = self.take(end + 1)
                if not line.endswith(b'\r\n'):
                    raise Impossible('a line that ends without CR')
                return line
            self.fill()

    def response(self):
        octets = b''
        while True:
            line = self.line()
            octets += line
            literal = re.search(rb'\{(\d+)\}\r\n$', line)
            if not literal:
                break
            octets += self.take(int(literal[1]))
        text = octets.decode('utf-8')
        self.lines.append('S: ' + text[:300].rstrip())
        return text

    def send(self, octets):
        octets = octets.encode() if isinstance(octets, str) else octets
        self.lines.append('C: ' + octets[:300].decode().rstrip())
        self.socket.sendall(octets)

    def begin(self, command, octets):
        self.count += 1
        self.commands[command] += 1
        self.command = command
        self.told = set()
        tag = f't{self.count}'
        octets = octets.encode() if isinstance(octets, str) else octets
        self.send(tag.encode() + b' ' + octets + b'\r\n')
        return tag

    def end(self, tag):
        """The tagged line without its tag, all before it having been looked at."""
        while not (r := self.response()).startswith(tag + ' '):
            self.untagged(r)
        status = r[len(tag) + 1:]
        self.codes(status)
        code = re.match(r'NO \[([A-Z-]+)', status)
        base = self.command.rpartition(' ')[2]
        if not (status.startswith('OK ') or
                (code and code[1] in MAY_FAIL.get(base, ())) or
                # deleted meanwhile, which BYE is going to say
                (code and code[1] == 'NONEXISTENT' and self.name in SIDE)):
            raise Impossible(f'{self.command} was answered {status}')
        self.command = None
        return status

    def say(self, command, octets):
        return self.end(self.begin(command, octets))

    def quiet(self, seconds):
        """Nothing is asked: what comes nevertheless?"""
        self.command = None
        while self.buffer or self.socket.pending() or \
                select.select([self.socket], [], [], seconds)[0]:
            r = self.response()
            self.untagged(r)

    # --- what was told ----------------------------------------------------------

    def codes(self, text):
        m = re.search(r'\[HIGHESTMODSEQ (\d+)\]', text)
        if m:
            if int(m[1]) < self.highest:
                raise Impossible(f'HIGHESTMODSEQ was {self.highest}')
            self.highest = int(m[1])
        m = re.search(r'\[APPENDUID (\d+) ([0-9:,]+)\]', text)
        if m:
            for uid, identity in zip(numbers_of(m[2]), self.appending, strict=True):
                self.ledger.see((int(m[1]), uid), identity)
        m = re.search(r'\[COPYUID (\d+) ([0-9:,]+) ([0-9:,]+)\]', text)
        if m:
            for a, b in zip(numbers_of(m[2]), numbers_of(m[3]), strict=True):
                self.ledger.copied((self.key, a), (int(m[1]), b))
                if 'MOVE' in self.command:
                    self.ledger.went((self.key, a))
        m = re.search(r'\[UIDVALIDITY (\d+)\]', text)
        if m and self.command in ('SELECT', 'EXAMINE'):
            self.key = int(m[1])

    def untagged(self, r):
        m = re.match(r'\* (\d+) (EXISTS|EXPUNGE|FETCH|RECENT)\b', r)
        if m and m[2] != 'RECENT':
            if self.view is None:
                raise Impossible('nothing is selected')
            getattr(self, m[2].lower())(int(m[1]), r)
        elif r.startswith('* BYE the selected mailbox was deleted') and self.name in SIDE:
            raise MailboxWent
        elif r.startswith('* VANISHED (EARLIER) '):
            uids = numbers_of(r.split()[3])
            self.vanished = (self.vanished or set()) | set(uids)
            if self.command in ('SELECT', 'EXAMINE'):
                return
            for uid in uids:
                if any(m.uid == uid for m in self.view):
                    self.vanish(uid)
        elif r.startswith('* VANISHED '):
            if self.kind != 'qresync':
                raise Impossible('VANISHED was not asked for')
            self.may_shrink()
            for uid in numbers_of(r.split()[2]):
                self.vanish(uid)
        elif r.startswith(('* SEARCH', '* SORT', '* ESEARCH')):
            self.found(r)
        elif r.startswith('* OK '):
            self.codes(r)
        elif r.startswith('* STATUS '):
            self.status = {k: int(v) for k, v in re.findall(r'([A-Z]+) (\d+)', r)}
        elif not r.startswith(('* CAPABILITY', '* ENABLED', '* FLAGS', '* LIST', '* QUOTA',
                               '* 0 RECENT', '+ ')):
            raise Impossible('what is this?')

    def exists(self, count, _):
        if count < len(self.view):
            raise Impossible(f'there were {len(self.view)}')
        self.view += [Message() for _ in range(count - len(self.view))]

    def may_shrink(self):
        if self.command is None or self.command in STEADY:
            raise Impossible(f'messages go during {self.command}')

    def expunge(self, seq, _):
        self.may_shrink()
        if self.kind == 'qresync':
            raise Impossible('EXPUNGE instead of VANISHED')
        self.number_is_known(seq)
        self.forget(self.view.pop(seq - 1).uid)

    def number_is_known(self, seq):
        if not 1 <= seq <= len(self.view):
            raise Impossible(f'there are {len(self.view)} messages')

    def forget(self, uid):
        if uid is not None:
            self.ledger.went((self.key, uid))
            self.mine.pop((self.key, uid), None)

    def vanish(self, uid):
        low, high = self.place(uid)
        for i in range(low, high):
            if self.view[i].uid in (uid, None):
                del self.view[i]
                self.forget(uid)
                return
        raise Impossible(f'UID {uid} was not there')

    def place(self, uid):
        """Where it can be, as indices: [low, high)."""
        low, high = 0, len(self.view)
        for i, m in enumerate(self.view):
            if m.uid == uid:
                return i, i + 1
            if m.uid is not None and m.uid < uid:
                low = i + 1
            elif m.uid is not None:
                return low, i
        return low, high

    def fetch(self, seq, r):
        uid = re.search(r'\bUID (\d+)', r)
        flags = re.search(r'\bFLAGS \(([^)]*)\)', r)
        modseq = re.search(r'\bMODSEQ \((\d+)\)', r)
        identity = re.search(r'\r\nMessage-ID: <([^>]*)>', r, re.I)
        if self.fetched is not None:  # SELECT with QRESYNC: known when it is over
            self.fetched[int(uid[1])] = (
                frozenset(flags[1].split()), int(modseq[1]))
            return
        self.number_is_known(seq)
        m = self.view[seq - 1]
        if uid:
            self.has_uid(seq, int(uid[1]))
        if modseq:
            if int(modseq[1]) < m.modseq:
                raise Impossible(f'its MODSEQ was {m.modseq}')
            m.modseq = int(modseq[1])
        if flags:
            m.flags = frozenset(flags[1].split())
            self.told.add(m.uid)
            if len(m.flags) != len(flags[1].split()):
                raise Impossible('a flag twice')
        if m.uid is not None:
            self.ledger.see((self.key, m.uid), identity and identity[1],
                            modseq and m.modseq, flags and m.flags)
            want = self.mine.get((self.key, m.uid))
            if flags and want is not None and want != (self.keyword in m.flags):
                raise Impossible(f'{self.keyword} was set: {want}')

    def has_uid(self, seq, uid):
        m = self.view[seq - 1]
        if m.uid is not None:
            if m.uid != uid:
                raise Impossible(f'{seq} had UID {m.uid}')
            return
        low, high = self.place(uid)
        if not low <= seq - 1 < high:
            raise Impossible(f'{uid} cannot be number {seq}')
        m.uid = uid

    def found(self, r):
        by_uid = self.command.startswith('UID')
        if r.startswith('* ESEARCH'):
            if by_uid != (') UID' in r):
                raise Impossible('UID')
            m = re.search(r' ALL ([0-9:,]+)', r)
            numbers = numbers_of(m[1]) if m else []
            m = re.search(r' COUNT (\d+)', r)
            if m and ' ALL ' in r and int(m[1]) != len(numbers):
                raise Impossible('COUNT is wrong')
        else:
            numbers = [int(n) for n in re.sub(r'\(.*\)', '', r).split()[2:]]
        if len(set(numbers)) != len(numbers):
            raise Impossible('found twice')
        for n in numbers:
            if not by_uid:
                self.number_is_known(n)
            elif not any(self.view[i].uid in (n, None) for i in range(*self.place(n))):
                raise Impossible(f'UID {n} was not there')

    # --- a client's commands ----------------------------------------------------

    def leave(self):
        """What of the selected mailbox is kept for QRESYNC."""
        if self.view is None:
            return
        if all(m.uid is not None and m.flags is not None for m in self.view):
            self.left[self.name] = (self.key, self.highest,
                                    {m.uid: (m.flags, m.modseq) for m in self.view})
        else:
            self.left.pop(self.name, None)

    def select(self, name=None, read_only=None):
        name = name or self.random.choice(FIXED + FIXED + SIDE)
        verb = 'EXAMINE' if (self.random.random() < 0.15 if read_only is None
                             else read_only) else 'SELECT'
        self.leave()
        self.deselect()
        self.view, self.name, self.writable = [], name, verb == 'SELECT'
        since = time.monotonic()
        kept = self.left.get(name) if self.kind == 'qresync' else None
        extra = ''
        if kept and kept[1]:
            extra = f' (QRESYNC ({kept[0]} {kept[1]}))'
            self.fetched, self.vanished = {}, set()
        elif self.kind == 'condstore' and self.random.random() < 0.3:
            extra = ' (CONDSTORE)'
        if not self.say(verb, f'{verb} {name}{extra}').startswith('OK'):
            self.deselect()
            return
        fetched, self.fetched = self.fetched, None
        now = {}
        if fetched is not None and kept[0] == self.key:
            now = self.resync(kept[2], fetched)
        self.catch_up(everything=True)
        missed = [m.uid for m in self.view if now and m.uid and m.uid not in now
                  and m.uid < max(now)]
        if missed:
            raise Impossible(f'QRESYNC left out {missed}')
        self.nothing_is_back(since)

    def resync(self, kept, fetched):
        """RFC 7162 3.2.5: what is kept, less what vanished, with what changed, is all.

        A message that went while this was written is in EXISTS and not among those.
        """
        now = {uid: kept[uid] for uid in kept if uid not in self.vanished}
        now.update(fetched)
        if len(now) < len(self.view):
            return now
        if len(now) > len(self.view):
            raise Impossible(f'QRESYNC: {len(now)} messages, not {len(self.view)}: '
                             f'kept {sorted(kept)}, got {sorted(fetched)}')
        for m, uid in zip(self.view, sorted(now)):
            m.uid = uid
            m.flags, m.modseq = now[uid]
            self.ledger.see((self.key, uid), None, m.modseq, m.flags)
        return now

    def nothing_is_back(self, since):
        """What somebody knew to be gone before is not there."""
        for m in self.view:
            when = self.ledger.gone.get((self.key, m.uid))
            if when is not None and when < since:
                raise Impossible(f'UID {m.uid} has gone long ago')

    def catch_up(self, everything=False):
        items = FETCH_ALL % (' MODSEQ' if self.modseqs else '')
        if everything:
            self.say('UID FETCH', f'UID FETCH 1:* {items}')
        unknown = [i + 1 for i, m in enumerate(self.view) if m.uid is None]
        if unknown:
            self.say('FETCH', f'FETCH {set_of(unknown)} {items}')

    def some(self, most=5, own=False):
        """Messages: ('' or 'UID ', set, the objects)."""
        known = [m for m in self.view if m.uid is not None and (not own or self.is_own(m))]
        picked = self.random.sample(known, min(len(known), self.random.randint(1, most)))
        if not picked:
            return None
        if self.random.random() < 0.5:
            return 'UID ', set_of(m.uid for m in picked), picked
        return '', set_of(self.view.index(m) + 1 for m in picked), picked

    def is_own(self, m):
        identity = self.ledger.identity.get((self.key, m.uid), '')
        return identity.startswith(f'c{self.number}-')

    def store(self):
        own = self.random.random() < 0.6
        picked = self.some(own=own)
        if not picked:
            return
        uid, numbers, messages = picked
        sign = self.random.choice(('+', '-', '') if own else ('+', '-'))
        flags = {self.random.choice(
            ('\\Seen', '\\Flagged', '\\Answered', '\\Draft', 'common', '\\Deleted'))}
        if own and self.random.random() < 0.8:
            flags.add(self.keyword)
        silent = self.random.choice(('', '.SILENT'))
        condition, since = '', None
        if self.modseqs and self.random.random() < 0.4:
            low = min(m.modseq for m in messages)
            high = max(m.modseq for m in messages)
            since = self.random.choice((low, high, high + 5))
            condition = f' (UNCHANGEDSINCE {since})'
        if '\\Deleted' in flags and sign != '-':
            self.ledger.doom((self.key, m.uid) for m in messages)
        before = {m.uid: (m, m.flags, m.modseq) for m in messages}
        for m in messages:
            self.changed(m, sign, flags, silent, condition)
        by_number = {self.view.index(m) + 1: m.uid for m in messages}
        status = self.say(uid + 'STORE', f'{uid}STORE {numbers}{condition} '
                          f'{sign}FLAGS{silent} ({" ".join(sorted(flags))})')
        refused = re.search(r'\[MODIFIED ([0-9:,]+)\]', status)
        if refused and not condition:
            raise Impossible('MODIFIED without UNCHANGEDSINCE')
        refused = {n if uid else by_number[n] for n in numbers_of(refused[1])} \
            if refused else set()
        here = {m.uid for m in messages if m in self.view}
        if condition:
            self.conditionally(before, here, since, refused, sign, flags)
        # without .SILENT every message that is still there is told
        missing = here - self.told - refused
        if uid and not silent and missing:
            raise Impossible(f'STORE does not tell of {missing}')

    def conditionally(self, before, here, since, refused, sign, flags):
        for uid in here:
            m, old, modseq = before[uid]
            if uid in refused:
                if uid not in self.told:
                    m.flags = old
                continue
            if modseq > since and m.modseq != modseq:
                raise Impossible(f'UID {uid} had MODSEQ {modseq}, and was changed')
            self.changed(m, sign, flags, False)
            if uid in self.told and self.mine.get((self.key, uid)) not in \
                    (None, self.keyword in m.flags):
                raise Impossible(f'UID {uid} was changed, but has {set(m.flags)}')

    def changed(self, m, sign, flags, silent, condition=False):
        """What a STORE does; it is not known yet whether it does when it has a condition."""
        key = (self.key, m.uid)
        if self.keyword in flags or (sign == '' and self.is_own(m)):
            self.mine[key] = None if condition else self.keyword in flags and sign != '-'
        if silent and m.flags is not None:
            m.flags = (m.flags | flags if sign == '+' else m.flags - flags if sign == '-'
                       else frozenset(flags))

    def read(self):
        picked = self.some(8)
        if not picked:
            return
        uid, numbers, _ = picked
        items = self.random.choice((
            'FLAGS', '(UID FLAGS)', '(UID RFC822.SIZE INTERNALDATE)', 'ENVELOPE',
            'BODYSTRUCTURE', FETCH_ALL % '', '(UID FLAGS BODY.PEEK[])', '(UID BODY[])'))
        if self.modseqs and self.random.random() < 0.5:
            items = FETCH_ALL % ' MODSEQ'
        extra = ''
        if self.modseqs and self.random.random() < 0.3:
            since = max(1, self.highest - self.random.randint(0, 30))
            extra = f' (CHANGEDSINCE {since})'
            if self.kind == 'qresync' and uid:
                extra = f' (CHANGEDSINCE {since} VANISHED)'
        self.say(uid + 'FETCH', f'{uid}FETCH {numbers} {items}{extra}')

    def search(self):
        uid = self.random.choice(('', 'UID '))
        key = self.random.choice((
            'ALL', 'DELETED', 'UNSEEN', 'KEYWORD common', f'KEYWORD {self.keyword}',
            'SUBJECT c', 'BODY text', 'OR FLAGGED ANSWERED', 'NOT SEEN'))
        how = self.random.choice(('plain', 'save', 'return', 'sort'))
        if how == 'sort':
            self.say(uid + 'SORT', f'{uid}SORT (SUBJECT) UTF-8 {key}')
        elif how == 'plain':
            self.say(uid + 'SEARCH', f'{uid}SEARCH {key}')
        elif how == 'return':
            self.say(uid + 'SEARCH', f'{uid}SEARCH RETURN (ALL COUNT) {key}')
        else:
            self.say(uid + 'SEARCH', f'{uid}SEARCH RETURN (SAVE COUNT) {key}')
            self.say('UID FETCH', 'UID FETCH $ (UID FLAGS)')
            if self.random.random() < 0.3:
                self.say('FETCH', 'FETCH $ (UID FLAGS)')

    def target(self):
        return self.random.choice(FIXED + FIXED + SIDE)

    def copy(self):
        picked = self.some(3)
        if picked:
            self.say(picked[0] + 'COPY', f'{picked[0]}COPY {picked[1]} {self.target()}')

    def move(self):
        picked = self.some(3)
        if picked and self.writable:
            self.say(picked[0] + 'MOVE', f'{picked[0]}MOVE {picked[1]} {self.target()}')

    def expunging(self):
        if not self.writable:
            return
        picked = [m for m in self.view if m.uid is not None][:MANY // 3]
        if len(self.view) > MANY and picked:
            self.ledger.doom((self.key, m.uid) for m in picked)
            for m in picked:
                self.changed(m, '+', frozenset(('\\Deleted',)), '.SILENT')
            self.say('UID STORE', f'UID STORE {set_of(m.uid for m in picked)} '
                     '+FLAGS.SILENT (\\Deleted)')
        if self.random.random() < 0.5 or not self.some():
            self.say('EXPUNGE', 'EXPUNGE')
        else:
            uids = set_of(m.uid for m in self.view if m.uid is not None)
            self.say('UID EXPUNGE', f'UID EXPUNGE {uids}')

    def texts(self, count):
        self.appending = [f'c{self.number}-{self.ledger.next()}@example.net'
                          for _ in range(count)]
        return [message(i.partition('@')[0], 'text\r\n' * self.random.choice((1, 9, 3000)))
                for i in self.appending]

    def append(self):
        texts = self.texts(self.random.choice((1, 1, 1, 3)))
        parts = b''.join(b' (%s) {%d+}\r\n%s' % (
            self.random.choice(('', '\\Seen', 'common')).encode(), len(t), t)
            for t in texts)
        self.say('APPEND', b'APPEND ' + self.target().encode() + parts)

    def replace(self):
        picked = self.some(1)
        if picked and self.writable:
            uid, number, _ = picked
            text, = self.texts(1)
            self.say(uid + 'REPLACE', f'{uid}REPLACE {number} {self.target()} '
                     f'{{{len(text)}+}}\r\n'.encode() + text)

    def noop(self):
        since = time.monotonic()
        self.say('NOOP', 'NOOP')
        if self.view is not None:
            self.nothing_is_back(since)

    def idle(self):
        tag = self.begin('IDLE', 'IDLE')
        r = self.response()
        while not r.startswith('+'):
            self.untagged(r)
            r = self.response()
        until = time.monotonic() + self.random.uniform(0, 1)
        while True:
            rest = until - time.monotonic()
            if not (self.buffer or self.socket.pending() or
                    (rest > 0 and select.select([self.socket], [], [], rest)[0])):
                break
            r = self.response()
            self.untagged(r)
        self.send('DONE\r\n')
        self.end(tag)

    def status_of(self):
        self.say('STATUS', f'STATUS {self.target()} (MESSAGES UIDNEXT UNSEEN DELETED SIZE)')

    def mailboxes(self):
        a, b = self.random.sample(SIDE, 2)
        self.say(*self.random.choice((
            ('CREATE', f'CREATE {a}'), ('CREATE', f'CREATE {a}'), ('DELETE', f'DELETE {a}'),
            ('RENAME', f'RENAME {a} {b}'))))

    def close(self):
        verb = self.random.choice(('CLOSE', 'UNSELECT'))
        self.leave()
        self.say(verb, verb)
        self.deselect()

    def step(self):
        if self.view is None:
            anywhere = (self.select,) * 6 + (self.append, self.status_of, self.mailboxes)
            self.random.choice(anywhere)()
            return
        todo = [self.read] * 5 + [self.search] * 4 + [self.noop] * 3 + [self.append] * 3 + \
            [self.copy, self.status_of, self.mailboxes, self.close, self.idle, self.select]
        if self.writable:
            todo += [self.store] * 8 + [self.move, self.replace, self.expunging]
            if len(self.view) > MANY:
                todo = [self.expunging]
        self.random.choice(todo)()
        if self.random.random() < 0.1:
            self.quiet(0.02)
        if self.view is not None and self.random.random() < 0.7:
            self.catch_up()

    def run(self, until):
        while time.monotonic() < until:
            try:
                self.step()
            except MailboxWent:
                self.socket.close()
                self.connect()

    def rest(self):
        """All is over: learn the last of it."""
        try:
            self.noop()
        except MailboxWent:
            self.socket.close()
            self.connect()
        if self.view is None:
            self.select(self.random.choice(FIXED))
        self.noop()
        self.catch_up()
        self.noop()

    def picture(self):
        return [(m.uid, m.flags) for m in self.view]


class Stress(unittest.TestCase):
    def deliver(self, until, sent):
        rest = random.Random(SEED)
        while time.monotonic() < until:
            with self.mail.smtp() as c:
                for _ in range(5):
                    name = f'smtp-{self.ledger.next()}'
                    c.sendmail('x@example.net', [f'alice@{DOMAIN}'], message(name))
                    sent.append(name + '@example.net')
            time.sleep(rest.uniform(0, 0.5))

    def work(self, failures, until, client):
        try:
            client.run(until)
        except Exception as e:  # whatever it was belongs to the report
            failures.append(f'connection {client.number} ({client.kind}), {client.name}: '
                            f'{e!r}\n' + '\n'.join(client.lines))

    def finish(self, clients):
        for c in clients:
            try:
                c.rest()
            except Exception as e:
                self.fail(f'seed {SEED}: connection {c.number} ({c.kind}), {c.name}: {e!r}\n'
                          + '\n'.join(c.lines))

    def test_everything_at_once(self):
        print(f'VX_STRESS_SEED={SEED}', flush=True)
        with Instance(accounts=('alice',), settings='workers: 3\n',
                      daemons=('smtpd', 'imapd')) as self.mail:
            self.ledger = Ledger()
            c = self.mail.imap()
            for name in FIXED[1:]:
                c.create(name)
            c.logout()
            clients = [Client(self.mail, self.ledger, n, SEED) for n in range(CONNECTIONS)]
            failures, sent, until = [], [], time.monotonic() + SECONDS
            threads = [threading.Thread(target=self.work, args=(failures, until, c))
                       for c in clients]
            threads += [threading.Thread(target=self.deliver, args=(until, sent))]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            total = sum((c.commands for c in clients), collections.Counter())
            print(f'{sum(total.values())} commands, {len(self.ledger.known)} messages: '
                  + ', '.join(f'{n} {k}' for k, n in total.most_common()), flush=True)
            if failures:
                self.fail(f'seed {SEED}: {len(failures)} failed, the first:\n{failures[0]}')
            self.finish(clients)
            self.all_see_the_same(clients, sent)
            for c in clients:
                c.socket.close()
            self.assertIn('0 problems', self.mail.ctl('store', 'check'))
            self.mail.stop_all()
            for name in self.mail.logs:
                self.assertNotRegex(self.mail.log(name),
                                    r'Sanitizer|runtime error:|died|panic')

    def all_see_the_same(self, clients, sent):
        fresh = Client(self.mail, self.ledger, 1, SEED + 1)
        there, octets = set(), 0
        for name in FIXED + SIDE:
            fresh.select(name, read_only=True)
            if fresh.view is None:
                continue
            want = fresh.picture()
            for c in clients:
                if c.key == fresh.key:
                    self.assertEqual(c.picture(), want, f'seed {SEED}: connection {c.number} '
                                     f'({c.kind}) in {name}\n' + '\n'.join(c.lines))
            there |= {(fresh.key, uid) for uid, _ in want}
            sizes = self.sizes(fresh)
            octets += sum(sizes)
            fresh.say('STATUS', f'STATUS {name} (MESSAGES UNSEEN DELETED SIZE)')
            self.assertEqual(fresh.status, {
                'MESSAGES': len(want), 'SIZE': sum(sizes),
                'UNSEEN': sum('\\Seen' not in f for _, f in want),
                'DELETED': sum('\\Deleted' in f for _, f in want)}, f'seed {SEED}: {name}')
        self.nothing_was_lost(there, sent)
        self.quota(fresh, octets)
        fresh.socket.close()

    def sizes(self, client):
        tag, sizes = client.begin('FETCH', 'FETCH 1:* RFC822.SIZE'), []
        while not (r := client.response()).startswith(tag):
            sizes.append(int(re.search(r'RFC822.SIZE (\d+)', r)[1]))
        return sizes

    def nothing_was_lost(self, there, sent):
        ledger = self.ledger
        self.assertEqual(there & set(ledger.gone), set(), f'seed {SEED}: gone, but there')
        fixed = {key for key, _ in there}
        lost = {k for k in ledger.known if k[0] in fixed} - there - set(ledger.gone) \
            - ledger.doomed
        self.assertEqual(lost, set(), f'seed {SEED}: nobody removed them')
        seen = set(ledger.identity.values())
        nameless = sum(k not in ledger.identity for k in ledger.gone)
        self.assertLessEqual(len(set(sent) - seen), nameless, f'seed {SEED}: not delivered')

    def quota(self, client, octets):
        tag = client.begin('NOOP', 'GETQUOTAROOT INBOX')
        text = ''
        while not (r := client.response()).startswith(tag):
            text += r
        used = re.search(r'STORAGE (\d+) ', text)
        self.assertEqual(int(used[1]), (octets + 1023) // 1024, f'seed {SEED}: {text}')


if __name__ == '__main__':
    harness.main('__main__')
