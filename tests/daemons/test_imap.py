"""imapd, command by command (RFC 3501, RFC 9051), as it goes over the wire."""
import base64
import hashlib
import hmac
import re
import socket
import ssl
import time
import unittest

import harness
from instance import DOMAIN, PASSWORD, Instance, message

MULTI = b'''From: "G. R\xc3\xbcck" <g@example.net>\r
To: a group: x@example.org, "Y" <y@example.org>;, z@example.org\r
Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=\r
Date: Tue, 3 Nov 2026 23:30:00 -0800\r
Message-ID: <multi@example.net>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary="outer"\r
\r
preamble\r
--outer\r
Content-Type: text/plain; charset=iso-8859-1\r
Content-Transfer-Encoding: quoted-printable\r
\r
Stra=DFe und Z=FCge\r
--outer\r
Content-Type: text/html; charset=utf-8\r
Content-Transfer-Encoding: base64\r
\r
PHA+SGVsbG8gPGI+d29ybDwvYj5kPC9wPg==\r
--outer\r
Content-Type: message/rfc822\r
\r
From: inner@example.net\r
Subject: inside\r
\r
inner text\r
--outer--\r
'''


class Raw:
    """One connection; say() returns (status line, untagged responses with literals)."""

    def __init__(self, mail, name=None):
        s = socket.create_connection(('localhost', mail.ports['imaps']), 30)
        self.socket = mail.context().wrap_socket(s, server_hostname='localhost')
        self.file = self.socket.makefile('rb')
        self.greeting = self.response()
        self.count = 0
        if name:
            status, _ = self.say(f'LOGIN {name}@{DOMAIN} {PASSWORD}')
            assert status.startswith('OK'), status

    def response(self):
        octets = b''
        while True:
            line = self.file.readline()
            octets += line
            literal = re.search(rb'\{(\d+)\}\r\n$', line)
            if not literal:
                return octets
            octets += self.file.read(int(literal[1]))

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def until(self, tag):
        untagged = []
        while True:
            r = self.response()
            if not r:
                return 'closed', untagged
            if r.startswith(tag.encode() + b' '):
                return r[len(tag) + 1:].decode().strip(), untagged
            untagged.append(r)

    def say(self, command):
        self.count += 1
        tag = f'a{self.count}'
        self.send(tag.encode() + b' ' + (command if isinstance(command, bytes) else
                                         command.encode()) + b'\r\n')
        return self.until(tag)

    def append(self, mailbox, text, extra=''):
        self.count += 1
        tag = f'a{self.count}'
        self.send(f'{tag} APPEND {mailbox} {extra}{{{len(text)}}}\r\n')
        r = self.response()
        if not r.startswith(b'+'):
            return r[len(tag) + 1:].decode().strip(), []
        self.send(text + b'\r\n')
        return self.until(tag)

    def close(self):
        self.socket.close()


class Imap(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = Instance(accounts=('alice', 'bob', 'carol', 'dave', 'erin', 'frank'),
                            daemons=('smtpd', 'imapd'))
        cls.mail.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def setUp(self):
        self.open = []

    def tearDown(self):
        for c in self.open:
            c.close()

    def connect(self, name=None):
        c = Raw(self.mail, name)
        self.open.append(c)
        return c

    def ok(self, c, command):
        status, untagged = c.say(command)
        self.assertTrue(status.startswith('OK'), (command, status))
        return b''.join(untagged).decode('utf-8', 'replace')

    def refused(self, c, command, start):
        status, _ = c.say(command)
        self.assertTrue(status.startswith(start), (command, status))

    def test_states_and_capabilities(self):
        c = self.connect()
        self.assertRegex(c.greeting, rb'^\* OK \[CAPABILITY IMAP4rev1 IMAP4rev2 .*AUTH=PLAIN')
        self.refused(c, 'SELECT INBOX', 'BAD')
        self.refused(c, 'FETCH 1 FLAGS', 'BAD')
        self.refused(c, f'LOGIN alice@{DOMAIN} wrong', 'NO [AUTHENTICATIONFAILED]')
        self.refused(c, 'NONSENSE', 'BAD')
        self.refused(c, 'AUTHENTICATE KERBEROS', 'NO')
        self.assertIn('"name" "Vectis"', self.ok(c, 'ID ("name" "test")'))
        status, _ = c.say(f'LOGIN alice@{DOMAIN} {PASSWORD}')
        self.assertRegex(status, r'^OK \[CAPABILITY [^]]*IDLE')
        self.refused(c, f'LOGIN alice@{DOMAIN} {PASSWORD}', 'BAD')
        self.refused(c, 'FETCH 1 FLAGS', 'BAD')
        for word in ('IDLE', 'NAMESPACE', 'UIDPLUS', 'MOVE', 'SPECIAL-USE', 'ENABLE', 'ID',
                     'LITERAL+', 'REPLACE', 'UNAUTHENTICATE', 'UNSELECT', 'ESEARCH',
                     'STATUS=SIZE'):
            self.assertRegex(self.ok(c, 'CAPABILITY'), rf' {re.escape(word)}[ \r]')
        self.assertIn('* BYE', self.ok(c, 'LOGOUT'))
        self.assertEqual(c.response(), b'')

    def test_authenticate_with_and_without_initial_response(self):
        plain = base64.b64encode(f'\0bob@{DOMAIN}\0{PASSWORD}'.encode())
        c = self.connect()
        c.send('a AUTHENTICATE PLAIN\r\n')
        self.assertTrue(c.response().startswith(b'+'))
        c.send(plain + b'\r\n')
        self.assertTrue(c.until('a')[0].startswith('OK'))
        c = self.connect()
        self.ok(c, b'AUTHENTICATE PLAIN ' + plain)
        c = self.connect()
        c.send('a AUTHENTICATE PLAIN\r\n')
        c.response()
        c.send('*\r\n')
        self.assertTrue(c.until('a')[0].startswith('BAD'))
        self.refused(c, 'AUTHENTICATE PLAIN !!!', 'BAD')

    def scram(self, c, user, password, tamper=False):
        """The status of AUTHENTICATE SCRAM-SHA-256, and the server's first message."""
        def say(text):
            c.send(base64.b64encode(text.encode()) + b'\r\n')
            r = c.response()
            return base64.b64decode(r[2:]).decode() if r.startswith(b'+') else r.decode()

        c.send('s AUTHENTICATE SCRAM-SHA-256\r\n')
        c.response()
        bare = f'n={user},r=clientnonce'
        first = say('n,,' + bare)
        v = dict(f.split('=', 1) for f in first.split(','))
        salted = hashlib.pbkdf2_hmac('sha256', password.encode(), base64.b64decode(v['s']),
                                     int(v['i']))
        key = hmac.digest(salted, b'Client Key', 'sha256')
        final = f'c=biws,r={v["r"]}'
        message = f'{bare},{first},{final}'.encode()
        sig = hmac.digest(hashlib.sha256(key).digest(), message, 'sha256')
        proof = bytes(a ^ b for a, b in zip(key, sig))
        last = say(f'{final},p={base64.b64encode(proof).decode()}')
        if last.startswith('v='):
            server = hmac.digest(hmac.digest(salted, b'Server Key', 'sha256'), message, 'sha256')
            self.assertEqual(last[2:], base64.b64encode(server).decode())
            c.send('\r\n')
            last = c.response().decode()
        return last, v

    def test_scram(self):
        c = self.connect()
        last, first = self.scram(c, f'alice@{DOMAIN}', PASSWORD)
        self.assertTrue(last.startswith('s OK'), last)
        for name in ('alice', 'nobody'):
            salts = []
            for _ in range(2):
                last, first = self.scram(self.connect(), f'{name}@{DOMAIN}', 'wrong')
                self.assertTrue(last.startswith('s NO [AUTHENTICATIONFAILED]'), last)
                salts.append((first['s'], first['i']))
            self.assertEqual(salts[0], salts[1])
            self.scram(self.connect(), f'alice@{DOMAIN}', PASSWORD)

    def test_literals_everywhere(self):
        c = self.connect()
        c.send(f'a LOGIN {{{len("alice@" + DOMAIN)}}}\r\n')
        self.assertTrue(c.response().startswith(b'+'))
        c.send(f'alice@{DOMAIN} {{{len(PASSWORD)}+}}\r\n{PASSWORD}\r\n')
        self.assertTrue(c.until('a')[0].startswith('OK'))
        c.send('b STATUS {5+}\r\nINBOX (MESSAGES)\r\n')
        self.assertTrue(c.until('b')[0].startswith('OK'))
        c.send('c CREATE {99999999}\r\n')
        self.assertIn('BAD', c.response().decode())
        self.ok(c, 'NOOP')

    def test_mailboxes(self):
        c = self.connect('bob')
        self.ok(c, 'CREATE Work/2026')
        self.refused(c, 'CREATE Work/2026', 'NO [ALREADYEXISTS]')
        self.refused(c, 'CREATE INBOX', 'NO')
        self.refused(c, 'CREATE a//b', 'NO [CANNOT]')
        self.refused(c, 'DELETE nowhere', 'NO [NONEXISTENT]')
        self.refused(c, 'DELETE INBOX', 'NO')
        self.ok(c, 'CREATE "Entw&APw-rfe"')
        self.assertIn('"Entw&APw-rfe"', self.ok(c, 'LIST "" "Entw*"'))
        self.assertIn('(\\HasNoChildren \\Sent) "/" "Sent"', self.ok(c, 'LIST "" Sent'))
        self.assertEqual(self.ok(c, 'LIST "" %').count('Work'), 1)
        self.assertIn('Work/2026', self.ok(c, 'LIST "" *'))
        self.assertIn('Work/2026', self.ok(c, 'LIST Work/ %'))
        self.assertIn('* LIST (\\Noselect) "/" ""', self.ok(c, 'LIST "" ""'))
        self.ok(c, 'DELETE Work')
        self.assertIn('\\NonExistent', self.ok(c, 'LIST "" Work'))
        self.ok(c, 'RENAME Work/2026 Done/2026')
        self.assertNotIn('Work', self.ok(c, 'LIST "" *'))
        self.ok(c, 'SUBSCRIBE Done/2026')
        self.assertIn('Done/2026', self.ok(c, 'LSUB "" *'))
        self.assertIn('(\\HasChildren \\Noselect) "/" "Done"', self.ok(c, 'LSUB "" %'))
        self.assertIn('"CHILDINFO" ("SUBSCRIBED")',
                      self.ok(c, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" %'))
        text = self.ok(c, 'LIST (SPECIAL-USE) "" * RETURN (STATUS (MESSAGES SIZE))')
        self.assertEqual(text.count('* LIST'), 5)
        self.assertEqual(text.count('(MESSAGES 0 SIZE 0)'), 5)
        self.ok(c, 'UNSUBSCRIBE Done/2026')
        self.assertNotIn('Done/2026', self.ok(c, 'LSUB "" *'))
        self.assertIn('(("" "/")) (("Other Users/" "/")) NIL', self.ok(c, 'NAMESPACE'))
        self.ok(c, 'CREATE Sammlung (USE (\\Flagged))')
        self.assertIn('\\Flagged', self.ok(c, 'LIST "" Sammlung'))
        self.assertRegex(self.ok(c, 'STATUS inbox (MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED '
                                    'SIZE HIGHESTMODSEQ RECENT)'),
                         r'\* STATUS "INBOX" \(MESSAGES \d+ RECENT 0 UIDNEXT \d+')
        self.refused(c, 'STATUS nowhere (MESSAGES)', 'NO [NONEXISTENT]')
        self.refused(c, 'STATUS INBOX (NONSENSE)', 'BAD')

    def test_utf8_names_with_rev2(self):
        c = self.connect('bob')
        self.assertIn('ENABLED IMAP4rev2', self.ok(c, 'ENABLE IMAP4rev2 NONSENSE'))
        self.ok(c, 'CREATE "Übersicht &"')
        self.assertIn('"Übersicht &"', self.ok(c, 'LIST "" "Über*"'))
        self.assertIn('&ANw-bersicht &-', self.ok(self.connect('bob'), 'LIST "" "*sicht*"'))
        text = self.ok(c, 'SELECT INBOX')
        self.assertNotIn('RECENT', text)
        self.assertIn('* LIST (\\HasNoChildren) "/" "INBOX"', text)

    def fill(self, c):
        self.assertRegex(c.append('INBOX', MULTI, '(\\Seen $Work) "01-Nov-2026 10:00:00 +0100" ')[0],
                         r'^OK \[APPENDUID \d+ 1\]')
        self.assertTrue(c.append('INBOX', message('second'))[0].startswith('OK'))
        self.assertTrue(c.append('INBOX', message('third'), '(\\Flagged) ')[0].startswith('OK'))

    def test_fetch_every_item(self):
        c = self.connect('carol')
        self.fill(c)
        text = self.ok(c, 'SELECT INBOX')
        for part in ('* 3 EXISTS', '* FLAGS (', 'PERMANENTFLAGS', 'UIDVALIDITY', 'UIDNEXT 4',
                     'HIGHESTMODSEQ', '[UNSEEN 2]'):
            self.assertIn(part, text)
        text = self.ok(c, 'FETCH 1 (FLAGS UID INTERNALDATE RFC822.SIZE ENVELOPE MODSEQ)')
        self.assertIn('FLAGS (\\Seen $Work)', text)
        self.assertIn('INTERNALDATE "01-Nov-2026 09:00:00 +0000"', text)
        self.assertIn(f'RFC822.SIZE {len(MULTI)}', text)
        self.assertIn('(NIL NIL "a group" NIL)(NIL NIL "x" "example.org")("Y" NIL "y" '
                      '"example.org")(NIL NIL NIL NIL)(NIL NIL "z" "example.org")', text)
        self.assertIn('"=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?="', text)
        text = self.ok(c, 'FETCH 1 BODYSTRUCTURE')
        self.assertIn('("text" "plain" ("charset" "iso-8859-1") NIL NIL "quoted-printable"', text)
        self.assertIn('("message" "rfc822" NIL NIL NIL "7bit"', text)
        self.assertIn('"mixed" ("boundary" "outer")', text)
        self.assertIn('BODY (("text"', self.ok(c, 'FETCH 1 BODY'))
        for item, expected in (
                ('BODY.PEEK[1]', b'Stra=DFe und Z=FCge'),
                ('BODY.PEEK[1.MIME]', b'Content-Type: text/plain; charset=iso-8859-1\r\n'
                 b'Content-Transfer-Encoding: quoted-printable\r\n\r\n'),
                ('BODY.PEEK[3.HEADER]', b'From: inner@example.net\r\nSubject: inside\r\n\r\n'),
                ('BODY.PEEK[3.TEXT]', b'inner text'),
                ('BODY.PEEK[3.1]', b'inner text'),
                ('BODY.PEEK[3.HEADER.FIELDS (subject)]', b'Subject: inside\r\n\r\n'),
                ('BODY.PEEK[HEADER.FIELDS.NOT (From To Subject Date Message-ID Content-Type)]',
                 b'MIME-Version: 1.0\r\n\r\n'),
                ('BODY.PEEK[]', MULTI),
                ('BODY.PEEK[]<5.10>', MULTI[5:15]),
                ('BODY.PEEK[]<100000.10>', b''),
                ('BODY.PEEK[TEXT]', MULTI.split(b'\r\n\r\n', 1)[1]),
                ('RFC822.HEADER', MULTI.split(b'\r\n\r\n', 1)[0] + b'\r\n\r\n'),
                ('BINARY.PEEK[1]', b'Stra\xdfe und Z\xfcge'),
                ('BINARY.PEEK[2]', b'<p>Hello <b>worl</b>d</p>'),
                ('BINARY.PEEK[2]<3.5>', b'Hello')):
            status, untagged = c.say(f'FETCH 1 ({item})')
            self.assertTrue(status.startswith('OK'), (item, status))
            self.assertIn(b'{%d}\r\n%s' % (len(expected), expected), untagged[0], item)
        self.assertIn('BINARY.SIZE[2] 25', self.ok(c, 'FETCH 1 BINARY.SIZE[2]'))
        self.assertIn('BODY[9] NIL', self.ok(c, 'FETCH 1 BODY.PEEK[9]'))
        self.assertNotIn('\\Seen', self.ok(c, 'FETCH 2 FLAGS'))
        text = self.ok(c, 'FETCH 2 BODY[]')
        self.assertIn('FLAGS (\\Seen)', text)
        self.assertEqual(text.count('FETCH'), 1)
        self.assertEqual(self.ok(c, 'FETCH 1:* FAST').count('INTERNALDATE'), 3)
        self.assertEqual(self.ok(c, 'FETCH 3,1,1:2 FULL').count('ENVELOPE'), 3)
        self.assertIn('UID 3', self.ok(c, 'UID FETCH 3:* FLAGS'))
        self.assertEqual(self.ok(c, 'UID FETCH 100:* FLAGS').count('FETCH'), 1)
        self.assertEqual(self.ok(c, 'UID FETCH 50:60 FLAGS'), '')
        self.refused(c, 'FETCH 4 FLAGS', 'BAD')
        self.refused(c, 'FETCH 0 FLAGS', 'BAD')
        for bad in ('', '1', '1 ()', '1 NONSENSE', '1 BODY[', '1 BODY[1.2', '1 (FLAGS',
                    '1 BODY[HEADER.FIELDS]', '1 BODY[]<5>', 'x FLAGS', '1: FLAGS'):
            self.refused(c, f'FETCH {bad}', 'BAD')
            if c.say('NOOP')[0] == 'closed':
                c = self.connect('carol')
                self.ok(c, 'SELECT INBOX')

    def test_store_and_keywords(self):
        c, d = self.connect('dave'), self.connect('dave')
        self.fill(c)
        self.ok(c, 'SELECT INBOX')
        self.ok(d, 'SELECT INBOX')
        self.assertIn('FLAGS (\\Answered)', self.ok(c, 'STORE 2 FLAGS (\\Answered)'))
        self.assertIn('FLAGS (\\Answered $Label1)', self.ok(c, 'STORE 2 +FLAGS $Label1'))
        self.assertEqual(self.ok(c, 'STORE 2 -FLAGS.SILENT (\\Answered)'), '')
        text = self.ok(d, 'NOOP')
        self.assertIn('* 2 FETCH (FLAGS ($Label1))', text)
        self.assertEqual(self.ok(c, 'NOOP'), '')
        modseq = int(re.search(r'MODSEQ \((\d+)\)', self.ok(c, 'FETCH 2 MODSEQ'))[1])
        self.ok(d, 'STORE 2 +FLAGS (\\Deleted)')
        status, untagged = c.say(f'STORE 1:3 (UNCHANGEDSINCE {modseq}) +FLAGS (\\Draft)')
        self.assertIn('[MODIFIED 2]', status)
        self.assertIn('MODSEQ', b''.join(untagged).decode())
        self.assertEqual(self.ok(c, f'FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})').count('FETCH'), 3)
        self.assertIn('FLAGS ()', self.ok(c, 'STORE 3 FLAGS ()'))
        self.ok(c, 'EXAMINE INBOX')
        self.refused(c, 'STORE 1 FLAGS ()', 'NO [READ-ONLY]')
        self.refused(c, 'EXPUNGE', 'NO [READ-ONLY]')
        for bad in ('1', '1 FLAGS', '1 +FLAGS (\\)', '9 FLAGS ()'):
            self.refused(d, f'STORE {bad}', 'BAD')
        for i in range(40):
            status, _ = d.say(f'STORE 1 +FLAGS (k{i})')
        self.assertTrue(status.startswith('NO [LIMIT]'), status)

    def test_copy_move_expunge(self):
        c, d = self.connect('erin'), self.connect('erin')
        self.fill(c)
        self.ok(c, 'SELECT INBOX')
        self.ok(d, 'SELECT INBOX')
        self.refused(c, 'COPY 1 nowhere', 'NO [TRYCREATE]')
        self.assertRegex(c.say('COPY 1:2 Archive')[0], r'^OK \[COPYUID \d+ 1:2 1:2\]')
        status, untagged = c.say('UID MOVE 2 Archive')
        self.assertRegex(untagged[0], rb'^\* OK \[COPYUID \d+ 2 3\]')
        self.assertEqual(untagged[1], b'* 2 EXPUNGE\r\n')
        # no EXPUNGE during FETCH by number (RFC 9051 7.5.1), then at the next chance
        self.assertNotIn('EXPUNGE', self.ok(d, 'FETCH 1 FLAGS'))
        self.refused(d, 'FETCH 2 FLAGS', 'NO [EXPUNGEISSUED]')
        self.assertIn('* 2 EXPUNGE', self.ok(d, 'NOOP'))
        self.ok(c, 'STORE 1:2 +FLAGS.SILENT (\\Deleted)')
        self.assertEqual(self.ok(c, 'UID EXPUNGE 3'), '* 2 EXPUNGE\r\n')
        self.assertEqual(self.ok(c, 'EXPUNGE'), '* 1 EXPUNGE\r\n')
        self.refused(c, 'FETCH 1 FLAGS', 'BAD')
        self.assertEqual(self.ok(c, 'FETCH 1:* FLAGS'), '')
        self.assertEqual(self.ok(c, 'UID FETCH 1:* FLAGS'), '')
        self.assertIn('* 3 EXISTS', self.ok(c, 'SELECT Archive'))
        self.ok(c, 'STORE 1 +FLAGS (\\Deleted)')
        self.assertEqual(self.ok(c, 'CLOSE'), '')
        self.refused(c, 'FETCH 1 FLAGS', 'BAD')
        self.assertIn('* 2 EXISTS', self.ok(c, 'SELECT Archive'))
        self.ok(c, 'STORE 1 +FLAGS (\\Deleted)')
        self.ok(c, 'UNSELECT')
        self.assertIn('* 2 EXISTS', self.ok(c, 'EXAMINE Archive'))
        self.assertIn('[CLOSED]', self.ok(c, 'SELECT INBOX'))

    def test_search_every_key(self):
        c = self.connect('frank')
        self.fill(c)
        self.ok(c, 'SELECT INBOX')
        for program, expected in (
                ('ALL', '1 2 3'), ('SEEN', '1'), ('UNSEEN', '2 3'), ('FLAGGED', '3'),
                ('UNFLAGGED', '1 2'), ('ANSWERED', ''), ('UNANSWERED', '1 2 3'), ('DELETED', ''),
                ('UNDELETED', '1 2 3'), ('DRAFT', ''), ('UNDRAFT', '1 2 3'), ('NEW', ''),
                ('OLD', '1 2 3'), ('RECENT', ''), ('KEYWORD $work', '1'), ('UNKEYWORD $Work', '2 3'),
                ('KEYWORD none', ''), ('1:2', '1 2'), ('*', '3'), ('UID 2:3', '2 3'),
                ('NOT 1', '2 3'), ('OR 1 3', '1 3'), ('(1 SEEN)', '1'), ('(OR SEEN FLAGGED) 3', '3'),
                ('LARGER 500', '1'), ('SMALLER 500', '2 3'), ('BEFORE 2-Nov-2026', '1'),
                ('ON 1-Nov-2026', '1'), ('SINCE 2-Nov-2026', '2 3'), ('SENTON 3-Nov-2026', '1'),
                ('SENTBEFORE 4-Nov-2026', '1'), ('SENTSINCE "4-Nov-2026"', '2 3'),
                ('SUBJECT "grüße aus"', '1'), ('SUBJECT second', '2'), ('FROM someone', '2 3'),
                ('FROM "rück"', '1'), ('TO y@example.org', '1'), ('CC x', ''), ('BCC x', ''),
                ('HEADER Message-ID third@', '3'), ('HEADER MIME-Version ""', '1'),
                # RFC 5051: a sharp s has no titlecase, so it is itself and not "ss"
                ('BODY "STRASSE"', ''), ('BODY "STRAßE"', '1'), ('BODY "züge"', '1'), ('BODY "Hello world"', '1'),
                ('BODY "<b>"', ''), ('BODY "inner text"', '1'), ('BODY inside', '1'),
                ('BODY hello', '1 2 3'), ('TEXT multi@example.net', '1'), ('TEXT köln', '1'),
                ('MODSEQ 1 ALL', '1 2 3')):
            text = self.ok(c, f'SEARCH CHARSET UTF-8 {program}')
            # the first that asks for MODSEQ is told the newest (RFC 7162 3.1.2.1)
            found = re.match(r'(?:\* OK \[HIGHESTMODSEQ \d+\][^\r]*\r\n)?'
                             r'\* SEARCH ?([\d ]*)( ?\(MODSEQ \d+\))?\r\n$', text)
            self.assertIsNotNone(found, (program, text))
            self.assertEqual(found[1].strip(), expected, program)
        self.assertIn('MIN 2 MAX 3 COUNT 2', self.ok(c, 'SEARCH RETURN (MIN MAX COUNT) UNSEEN'))
        self.assertRegex(self.ok(c, 'UID SEARCH RETURN () ALL'),
                         r'^\* ESEARCH \(TAG "a\d+"\) UID ALL 1:3\r\n$')
        self.assertRegex(self.ok(c, 'SEARCH RETURN (COUNT ALL) DELETED'),
                         r'^\* ESEARCH \(TAG "a\d+"\) COUNT 0\r\n$')
        self.assertEqual(self.ok(c, 'SEARCH RETURN (SAVE) UNSEEN'), '')
        self.assertEqual(self.ok(c, 'FETCH $ UID').count('FETCH'), 2)
        self.assertIn('ALL 3', self.ok(c, 'SEARCH RETURN (ALL) $ FLAGGED'))
        self.refused(c, 'SEARCH CHARSET KLINGON ALL', 'NO [BADCHARSET')
        for bad in ('', 'NONSENSE', 'ON x', '(ALL', 'NOT', 'OR 1', '0', 'RETURN (X) ALL'):
            self.refused(c, f'SEARCH {bad}', 'BAD')

    def test_append_errors(self):
        c = self.connect('bob')
        self.assertTrue(c.append('nowhere', message('x'))[0].startswith('NO [TRYCREATE]'))
        self.assertTrue(c.append('INBOX', b'')[0].startswith('NO'))
        c.send('b APPEND INBOX {99999999999}\r\n')
        self.assertIn(b'[TOOBIG]', c.response())
        c.send('c APPEND INBOX (\\) {5}\r\n')
        self.assertIn(b'BAD', c.response())
        # a literal that does not wait is swallowed when it is refused
        c.send(b'd APPEND nowhere {5+}\r\nhello\r\ne NOOP\r\n')
        self.assertTrue(c.until('d')[0].startswith('NO'))
        self.assertTrue(c.until('e')[0].startswith('OK'))
        c.send('f APPEND INBOX "32-Nov-2026 10:00:00 +0000" {5}\r\n')
        self.assertIn(b'BAD', c.response())
        # a bad one among several: neither is filed, and nothing of them is a command
        c.send(b'g APPEND INBOX {5+}\r\nhello (Seen {5+}\r\nworld\r\nh STATUS INBOX (MESSAGES)\r\n')
        self.assertTrue(c.until('g')[0].startswith('BAD'))
        status, lines = c.until('h')
        self.assertTrue(status.startswith('OK'))
        self.assertIn(b'(MESSAGES 0)', b''.join(lines))

    def test_idle_and_pipelining(self):
        c = self.connect('alice')
        self.ok(c, 'SELECT INBOX')
        c.send('i IDLE\r\n')
        self.assertTrue(c.response().startswith(b'+'))
        begin = time.monotonic()
        self.mail.deliver(message('for idle'))
        self.assertRegex(c.response(), rb'^\* \d+ EXISTS')
        self.assertLess(time.monotonic() - begin, 2)
        c.send('DONE\r\n')
        self.assertTrue(c.until('i')[0].startswith('OK'))
        c.send(b''.join(b'p%d FETCH 1 (UID BODY.PEEK[])\r\n' % i for i in range(200)))
        for i in range(200):
            self.assertTrue(c.until(f'p{i}')[0].startswith('OK'))

    def test_selected_mailbox_deleted_by_another(self):
        c, d = self.connect('alice'), self.connect('alice')
        self.ok(c, 'CREATE doomed')
        self.ok(c, 'SELECT doomed')
        self.ok(d, 'DELETE doomed')
        c.send('a NOOP\r\n')
        self.assertIn(b'* BYE', c.response())


if __name__ == '__main__':
    harness.main('__main__')
