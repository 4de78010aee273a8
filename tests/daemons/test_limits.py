"""Limits of what users send: counted by all workers, kept over a restart."""
import json
import smtplib
import time
import unittest

import harness
from instance import DOMAIN, Instance, message

SETTINGS = """workers: 3
sending:
  mailbox_recipients_per_hour: 10
  domain_recipients_per_hour: 15
  message_size_limit: 70000
"""


def avoid_the_turn_of_an_hour(need=60):
    left = 3600 - time.time() % 3600
    if left < need:
        time.sleep(left + 1)


class Limits(unittest.TestCase):
    def setUp(self):
        avoid_the_turn_of_an_hour()
        self.mail = Instance(settings=SETTINGS, pop3=False, daemons=('smtpd',))
        self.mail.__enter__()

    def tearDown(self):
        self.mail.__exit__(None, None, None)

    def send(self, count, sender='alice', first=0):
        """The recipients that were refused."""
        with self.mail.submission(sender) as s:
            try:
                return s.sendmail(f'{sender}@{DOMAIN}',
                                  [f'x{i}@elsewhere.test' for i in range(first, first + count)],
                                  message('m', sender=f'{sender}@{DOMAIN}'))
            except smtplib.SMTPRecipientsRefused as e:
                return e.recipients
            except smtplib.SMTPDataError as e:  # suspended before the message was there
                return {'all': (e.smtp_code, e.smtp_error)}

    def mailbox(self, name):
        listed = json.loads(self.mail.ctl('mailbox', 'list', '--json'))['mailboxes']
        return next(m for m in listed if m['email'] == f'{name}@{DOMAIN}')

    def test_one_too_many_suspends(self):
        for i in range(9):  # the kernel gives them to different workers
            self.assertFalse(self.send(1, first=i))
        self.mail.kill('smtpd')  # what was counted is on the disk
        self.mail.start('smtpd')
        self.mail.wait_ready()
        self.assertEqual(self.mailbox('alice')['sent_last_hour'], 9)
        refused = self.send(3, first=100)
        self.assertEqual({code for code, _ in refused.values()}, {550})
        self.assertIn(b'suspended', list(refused.values())[0][1])
        end = time.monotonic() + 60
        while self.mailbox('alice')['sending']:
            self.assertLess(time.monotonic(), end)
        m = self.mailbox('alice')
        self.assertEqual(m['suspended_reason'], 'more than 10 recipients in an hour')
        self.assertLess(abs(m['suspended_at'] - time.time()), 60)
        self.assertIn('more than 10', self.mail.ctl('mailbox', 'list'))
        with self.assertRaises(smtplib.SMTPSenderRefused) as e:
            self.send(1)
        self.assertIn(b'more than 10 recipients', e.exception.smtp_error)
        self.assertIn('event="sending suspended"', self.mail.log('smtpd'))
        self.mail.deliver(message('still-received'))
        self.mail.ctl('mailbox', 'set', f'alice@{DOMAIN}', '--sending', 'on')
        self.assertEqual(self.mailbox('alice')['sent_last_hour'], 0)
        self.assertFalse(self.send(2, first=200))

    def test_a_domain_is_put_off(self):
        self.assertFalse(self.send(9))
        refused = self.send(7, 'bob')
        self.assertEqual({code for code, _ in refused.values()}, {450})
        self.assertEqual(len(refused), 1)
        self.assertTrue(self.mailbox('bob')['sending'])
        self.mail.ctl('domain', 'set', DOMAIN, '--send-limit', 'none')
        self.mail.ctl('mailbox', 'set', f'bob@{DOMAIN}', '--send-limit', '100')
        self.assertFalse(self.send(60, 'bob'))
        self.assertEqual(self.mailbox('bob')['send_limit'], 100)
        self.assertIn('event="sending grows"', self.mail.log('smtpd'))
        self.mail.ctl('mailbox', 'set', f'bob@{DOMAIN}', '--send-limit', 'standard')
        self.assertTrue(self.send(1, 'bob'))

    def test_large_messages(self):
        with self.mail.submission() as s:
            self.assertEqual(s.esmtp_features['size'], '70000')
            with self.assertRaises(smtplib.SMTPResponseException) as e:
                s.sendmail(f'alice@{DOMAIN}', ['x@elsewhere.test'],
                           message('m', 'x' * 70 + '\r\n' * 80000, f'alice@{DOMAIN}'))
            self.assertEqual(e.exception.smtp_code, 552)
        with self.mail.smtp() as s:
            s.ehlo()
            self.assertNotEqual(s.esmtp_features['size'], '70000')


if __name__ == '__main__':
    harness.main('__main__')
