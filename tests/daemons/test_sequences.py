"""What mail programs are known to send, in their order and pipelined as they do it."""
import re
import unittest

import harness
from instance import Instance, message
from test_imap import Raw


class Sequences(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = Instance(daemons=('smtpd', 'imapd'))
        cls.mail.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def setUp(self):
        self.c = Raw(self.mail, 'alice')

    def tearDown(self):
        self.c.close()

    def ok(self, command):
        status, untagged = self.c.say(command)
        self.assertTrue(status.startswith('OK'), (command, status))
        return b''.join(untagged).decode('utf-8', 'replace')

    def together(self, *commands):
        """All sent at once; each answer, in order."""
        self.c.send(''.join(f'p{i} {c}\r\n' for i, c in enumerate(commands)))
        answers = []
        for i, command in enumerate(commands):
            status, untagged = self.c.until(f'p{i}')
            self.assertTrue(status.startswith('OK'), (command, status))
            answers.append(b''.join(untagged).decode('utf-8', 'replace'))
        return answers

    def filled(self, name, count=3):
        self.ok(f'CREATE {name}')
        for i in range(count):
            status, _ = self.c.append(name, message(f'{name} {i}'))
            self.assertTrue(status.startswith('OK'), status)

    def test_thunderbird(self):
        """ID first, NAMESPACE, every folder by LIST and LSUB, flags of all, then headers."""
        self.filled('tb')
        self.ok('ID ("name" "Thunderbird" "version" "128.0")')
        capabilities = self.ok('CAPABILITY')
        self.assertIn(' CONDSTORE ', capabilities)
        self.ok('ENABLE CONDSTORE')
        self.assertIn('* NAMESPACE (("" "/"))', self.ok('NAMESPACE'))
        self.assertIn('"tb"', self.ok('LIST (SUBSCRIBED) "" "*" RETURN (SPECIAL-USE)')
                      + self.ok('LIST "" "*" RETURN (SPECIAL-USE)'))
        self.ok('LSUB "" "*"')
        self.assertRegex(self.ok('SELECT "tb" (CONDSTORE)'), r'HIGHESTMODSEQ \d+')
        self.ok('GETQUOTAROOT "tb"')
        everything = self.ok('UID FETCH 1:* (FLAGS)')
        self.assertEqual(len(re.findall(r'^\* \d+ FETCH \(UID \d', everything, re.M)), 3)
        headers = self.ok(
            'UID FETCH 1:3 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc '
            'Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To '
            'Content-Type Reply-To)])')
        self.assertEqual(headers.count('Subject: tb'), 3)
        self.assertIn('BODY[]', self.ok('UID FETCH 2 (UID RFC822.SIZE BODY[])'))
        self.ok(r'UID STORE 2 +FLAGS (\Seen $Label1 NonJunk)')
        self.assertIn('$Label1', self.ok('UID FETCH 2 (FLAGS)'))
        # nothing is new: flags since the last MODSEQ
        highest = re.search(r'HIGHESTMODSEQ (\d+)', self.ok('STATUS "tb" (HIGHESTMODSEQ)'))[1]
        self.assertEqual(self.ok(f'UID FETCH 1:* (FLAGS) (CHANGEDSINCE {highest})'), '')
        self.ok(r'UID STORE 3 +FLAGS (\Deleted)')
        self.ok('CLOSE')

    def test_ios_mail(self):
        """Everything at once after login; SEARCH and FETCH in an empty mailbox."""
        self.ok('ID ("name" "iPhone Mail" "version" "22A3354" "os" "iOS")')
        namespace, folders = self.together(
            'NAMESPACE', 'LIST "" "*" RETURN (SPECIAL-USE CHILDREN)')
        self.assertIn('* NAMESPACE', namespace)
        for use in ('Sent', 'Drafts', 'Trash', 'Junk', 'Archive'):
            self.assertRegex(folders, rf'\* LIST \([^)]*\\{use}\b')
        self.ok('CREATE nothing')
        answers = self.together(
            'SELECT nothing', 'UID SEARCH 1:* NOT DELETED', 'UID FETCH 1:* (FLAGS UID)',
            'UID SEARCH RETURN (ALL) SINCE 1-Jan-2024', 'UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)')
        self.assertIn('* 0 EXISTS', answers[0])
        self.assertEqual(answers[1].strip(), '* SEARCH')
        self.assertEqual(answers[2], '')
        self.assertRegex(answers[3], r'^\* ESEARCH \(TAG "p3"\) UID\r\n')
        self.assertNotIn('FETCH', answers[4])
        self.filled('ios')
        answers = self.together(
            'SELECT ios', 'FETCH 1:3 (INTERNALDATE UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS '
            '(date subject from to cc message-id in-reply-to references content-type '
            'x-priority x-uniform-type-identifier x-universally-unique-identifier list-id '
            'list-unsubscribe bimi-indicator bimi-location authentication-results dkim-signature)])',
            'UID FETCH 3 BODY.PEEK[TEXT]<0.16384>', 'UID FETCH 3 (BODYSTRUCTURE)',
            'UID FETCH 3 (BODY.PEEK[HEADER] BODY.PEEK[1]<0.8192>)')
        self.assertEqual(answers[1].count('INTERNALDATE'), 3)
        self.assertIn('BODY[TEXT]<0>', answers[2])

    def test_outlook(self):
        """No pipelining, long lists of header fields, APPEND of what was sent, IDLE."""
        self.filled('ol')
        self.ok('NAMESPACE')
        self.assertIn('"ol"', self.ok('LIST "" "ol"'))
        self.ok('LSUB "" "*"')
        self.ok('STATUS "ol" (UIDNEXT MESSAGES UIDVALIDITY UNSEEN)')
        self.ok('SELECT "ol"')
        self.ok('UID FETCH 1:* (UID FLAGS)')
        self.ok('UID FETCH 1:3 (UID FLAGS RFC822.SIZE BODY.PEEK[] INTERNALDATE)')
        self.assertIn('* SEARCH', self.ok('UID SEARCH SINCE 01-Jan-2020'))
        status, _ = self.c.append('Sent', message('sent'), r'(\Seen) ')
        self.assertIn('APPENDUID', status)
        self.ok('UID STORE 1 +FLAGS.SILENT (\\Deleted)')
        self.ok('EXPUNGE')
        self.c.send('i IDLE\r\n')
        self.assertTrue(self.c.response().startswith(b'+'))
        self.c.send('DONE\r\n')
        self.assertTrue(self.c.until('i')[0].startswith('OK'))

    def test_k9_and_fairemail(self):
        """EXAMINE, then IDLE in it; a second connection changes the mailbox meanwhile."""
        self.filled('k9')
        self.ok('ID ("name" "FairEmail")')
        self.ok('ENABLE UTF8=ACCEPT')
        self.ok('EXAMINE k9')
        self.c.send('i IDLE\r\n')
        self.assertTrue(self.c.response().startswith(b'+'))
        other = Raw(self.mail, 'alice')
        other.say('SELECT k9')
        other.say(r'UID STORE 1 +FLAGS (\Flagged)')
        self.assertIn(b'\\Flagged', self.c.response())
        other.say('UID MOVE 2 INBOX')
        self.assertEqual(self.c.response(), b'* 2 EXPUNGE\r\n')
        other.close()
        self.c.send('DONE\r\n')
        self.assertTrue(self.c.until('i')[0].startswith('OK'))
        # it looks for one it sent: HEADER, by Message-ID
        self.assertIn('* SEARCH', self.ok('UID SEARCH HEADER Message-ID "<nobody@example.net>"'))

    def test_mbsync_and_offlineimap(self):
        """Pipelined to the limit, CHANGEDSINCE 0, UIDs that are not there, folders with &."""
        self.ok('CREATE "R&-D"')
        self.assertIn('"R&-D"', self.ok('LIST "" "R*"'))
        for i in range(2):
            self.c.append('"R&-D"', message(f'rd {i}'))
        answers = self.together(
            'SELECT "R&-D"', 'UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 0)',
            'UID FETCH 900:901 (FLAGS)',
            'UID STORE 900 +FLAGS (x)', 'UID COPY 900 INBOX', 'UID EXPUNGE 900',
            *['UID FETCH 1 (BODY.PEEK[])'] * 100)
        self.assertEqual(answers[1].count('FETCH'), 2)
        self.assertTrue(all('Subject: rd 0' in a for a in answers[6:]))


if __name__ == '__main__':
    harness.main('__main__')
