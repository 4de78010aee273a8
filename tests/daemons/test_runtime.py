"""Processes: how daemons start, are watched, hold out and stop."""
import os
import pwd
import resource
import signal
import socket
import ssl
import struct
import subprocess
import time
import unittest

import harness
from instance import DOMAIN, PASSWORD, Instance, message, run


def name_of(pid):
    try:
        with open(f'/proc/{pid}/comm') as f:
            return f.read().strip()
    except OSError:
        return ''


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children') as f:
        return [int(x) for x in f.read().split()]


def status_of(pid):
    with open(f'/proc/{pid}/status') as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)


def cpu_ticks(pid):
    with open(f'/proc/{pid}/stat') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return int(fields[11]) + int(fields[12])


def wait_until(what, timeout=20):
    until = time.monotonic() + timeout
    while not what():
        if time.monotonic() > until:
            raise AssertionError('in vain')
        time.sleep(0.05)


class Lab(Instance):
    """Set up, but daemons are started by hand, perhaps in a strange environment."""

    def __init__(self, **kwargs):
        super().__init__(daemons=(), **kwargs)

    def launch(self, name, prefix=(), env=None, **kwargs):
        path = os.path.join(self.folder, name + '.log')
        self.logs[name] = path
        with open(path, 'ab') as log:
            self.processes[name] = subprocess.Popen(
                [*prefix, os.path.join(self.build, name, name), '-c', self.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=dict(os.environ, **(env or {})), **kwargs)
        return self.processes[name]

    def run_as(self, who):
        """Have the daemons drop root for this user, who owns the directories."""
        with open(self.config) as f:
            text = f.read()
        with open(self.config, 'w') as f:
            f.write(text.replace('user: ""', f'user: {who.pw_name}'))
        os.chmod(self.folder, 0o755)
        run('chown', '-R', f'{who.pw_uid}:{who.pw_gid}', self.state, self.folder + '/run')

    def workers(self, name):
        """Those that serve: not the sender and the fetcher beside smtpd's."""
        return [p for p in children(self.processes[name].pid)
                if name_of(p) not in ('sender', 'fetcher')]

    def sender(self):
        return [p for p in children(self.processes['smtpd'].pid) if name_of(p) == 'sender']

    def pop3_raw(self):
        s = socket.create_connection(('localhost', self.ports['pop3s']), 20)
        return ssl._create_unverified_context().wrap_socket(s)


class Sockets(unittest.TestCase):
    def start_with(self, mail, sockets, names):
        moves = ' '.join(f'{n + 100}<&{s.fileno()}' for n, s in enumerate(sockets))
        places = ' '.join(f'{n + 3}<&{n + 100}' for n in range(len(sockets)))
        return mail.launch(
            'smtpd', ['bash', '-c', f'exec {moves}; exec {places}; export LISTEN_PID=$$ '
                      f'LISTEN_FDS={len(sockets)} LISTEN_FDNAMES={names}; exec "$@"', 'systemd'],
            pass_fds=[s.fileno() for s in sockets])

    def greeting(self, port):
        with socket.create_connection(('127.0.0.1', port), 10) as s:
            return s.recv(1000)

    def listening(self, port=0):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('127.0.0.1', port))
        s.listen()
        return s

    def test_by_name_and_by_port(self):
        with Lab() as mail:
            named, known = self.listening(), self.listening(mail.ports['submissions'])
            self.start_with(mail, [named, known], 'smtp:unknown')
            self.assertTrue(self.greeting(named.getsockname()[1]).startswith(b'220 '))
            with socket.create_connection(known.getsockname(), 10) as s:
                with ssl._create_unverified_context().wrap_socket(s) as t:
                    self.assertTrue(t.recv(1000).startswith(b'220 '))
            # no other listener is opened beside those that were passed
            self.assertFalse(mail.answers('submission'))

    def test_one_that_is_not_ours_or_does_not_listen(self):
        with Lab() as mail:
            strange = self.listening()
            self.assertEqual(self.start_with(mail, [strange], 'web').wait(20), 1)
            self.assertIn(f'"web" on port {strange.getsockname()[1]}', mail.log('smtpd'))
            self.assertEqual(self.start_with(mail, [socket.socket()], 'smtp').wait(20), 1)
            self.assertIn('does not listen', mail.log('smtpd'))
            mail.processes.clear()

    def test_ipv4_and_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6) as s:
                s.bind(('::1', 0))
        except OSError:
            self.skipTest('no IPv6 here')
        with Lab() as mail:
            with open(mail.config) as f:
                text = f.read()
            port = mail.ports['smtp']
            with open(mail.config, 'w') as f:
                f.write(text.replace(f'["127.0.0.1:{port}"]',
                                     f'["127.0.0.1:{port}", "[::1]:{port}"]'))
            mail.launch('smtpd')
            mail.wait_ready()
            for host in ('127.0.0.1', '::1'):
                with socket.create_connection((host, port), 10) as s:
                    self.assertTrue(s.recv(1000).startswith(b'220 '))
            with socket.create_connection(('::1', port), 10) as s:
                f = s.makefile('rwb')
                for line in (b'EHLO c', b'MAIL FROM:<a@example.net>',
                             b'RCPT TO:<alice@%s>' % DOMAIN.encode(), b'DATA',
                             b'Subject: six\r\n\r\n.'):
                    f.write(line + b'\r\n')
                    f.flush()
                while not f.readline().startswith(b'250 2.0.0 filed'):
                    pass
            mail.launch('imapd')
            mail.wait_ready()
            c = mail.imap()
            c.select()
            self.assertIn(b'([IPv6:::1])', c.fetch('1', '(RFC822.HEADER)')[1][0][1])
            c.logout()


class Rights(unittest.TestCase):
    @unittest.skipIf(os.geteuid() != 0, 'only root can drop root')
    def test_root_is_dropped(self):
        who = pwd.getpwnam('nobody')
        with Lab() as mail:
            mail.run_as(who)
            mail.launch('smtpd')
            mail.wait_ready()
            parent = mail.processes['smtpd'].pid
            for pid in [parent, *children(parent)]:
                status = status_of(pid)
                self.assertEqual(set(status['Uid'].split()), {str(who.pw_uid)})
                self.assertEqual(set(status['Gid'].split()), {str(who.pw_gid)})
                self.assertEqual(status['Groups'].strip(), '')
                self.assertEqual(int(status['CapEff'], 16), 0)
                self.assertEqual(status['NoNewPrivs'], '1')
            mail.deliver(message('unprivileged'))

    @unittest.skipIf(os.geteuid() != 0, 'only root can drop root')
    def test_directories_that_its_user_cannot_use_are_named(self):
        who = pwd.getpwnam('nobody')
        for key, path in (('state_dir', 'state'), ('run_dir', 'run')):
            with Lab() as mail:
                mail.run_as(who)
                os.chown(os.path.join(mail.folder, path), 0, 0)
                p = mail.launch('smtpd')
                self.assertEqual(p.wait(20), 1)
                self.assertIn(f'the {key} {mail.folder}/{path} cannot be used',
                              mail.log('smtpd'))
                mail.processes.clear()

    def test_workers_are_locked_in(self):
        with Lab() as mail:
            for name in ('smtpd', 'pop3d', 'imapd'):
                mail.launch(name)
            mail.wait_ready()
            for name in mail.processes:
                wait_until(lambda: mail.workers(name))
                workers = mail.workers(name)
                for pid in workers:  # the parent's sockets answer before they do
                    wait_until(lambda: status_of(pid)['Seccomp'] == '2')
                    self.assertEqual(status_of(pid)['NoNewPrivs'], '1')


class Notify(unittest.TestCase):
    def socket_for(self, mail):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind(os.path.join(mail.folder, 'notify'))
        s.settimeout(20)
        return s

    def hear(self, s, what):
        """All that is told until what is told."""
        told = []
        while not any(what in t for t in told):
            told.append(s.recv(1000).decode())
        return told

    def test_ready_watchdog_stopping(self):
        with Lab() as mail:
            s = self.socket_for(mail)
            p = mail.launch('smtpd', env={'NOTIFY_SOCKET': s.getsockname(),
                                          'WATCHDOG_USEC': '20000000'})
            self.hear(s, 'READY=1')
            # it is true: it serves at once
            with socket.create_connection(('127.0.0.1', mail.ports['smtp']), 2) as c:
                self.assertTrue(c.recv(1000).startswith(b'220 '))
            self.hear(s, 'WATCHDOG=1')
            p.send_signal(signal.SIGTERM)
            self.hear(s, 'STOPPING=1')
            self.assertEqual(p.wait(20), 0)
            mail.processes.clear()

    def test_no_ready_and_an_end_when_no_worker_can_start(self):
        with Lab() as mail:
            with open(os.path.join(mail.state, 'state.mdb'), 'r+b') as f:
                f.write(b'nonsense' * 1024)
            s = self.socket_for(mail)
            p = mail.launch('smtpd', env={'NOTIFY_SOCKET': s.getsockname()})
            self.assertEqual(p.wait(60), 1)
            s.setblocking(False)
            told = []
            try:
                while True:
                    told.append(s.recv(1000).decode())
            except BlockingIOError:
                pass
            self.assertFalse([t for t in told if 'READY' in t], told)
            self.assertIn('state.mdb', mail.log('smtpd'))
            mail.processes.clear()

    def test_a_worker_that_hangs_is_replaced(self):
        with Lab(settings='workers: 2\n') as mail:
            mail.launch('smtpd', env={'WATCHDOG_USEC': '6000000'})
            mail.wait_ready()
            wait_until(lambda: len(mail.workers('smtpd')) == 2)
            time.sleep(1)
            before = mail.workers('smtpd')
            os.kill(before[0], signal.SIGSTOP)
            wait_until(lambda: before[0] not in mail.workers('smtpd') and
                       len(mail.workers('smtpd')) == 2, 40)
            self.assertIn('worker hangs', mail.log('smtpd'))
            self.assertIn(before[1], mail.workers('smtpd'))
            mail.deliver(message('after-a-hang'))

    def test_the_sender_is_replaced_and_takes_no_worker_with_it(self):
        with Lab(settings='workers: 2\n') as mail:
            mail.launch('smtpd')
            mail.wait_ready()
            wait_until(lambda: len(mail.workers('smtpd')) == 2 and len(mail.sender()) == 1)
            workers, sender = mail.workers('smtpd'), mail.sender()
            os.kill(sender[0], signal.SIGKILL)
            wait_until(lambda: mail.sender() not in ([], sender))
            self.assertEqual(mail.workers('smtpd'), workers)
            mail.deliver(message('after-the-sender'))

    def test_workers_that_die_are_replaced_later_each_time(self):
        with Lab(settings='workers: 1\n') as mail:
            mail.launch('smtpd')
            mail.wait_ready()
            # they have their names a moment after they are there
            wait_until(lambda: {'sender', 'fetcher'} <= {
                name_of(p) for p in children(mail.processes['smtpd'].pid)})
            seen, gaps = set(), []
            for _ in range(5):
                wait_until(lambda: set(mail.workers('smtpd')) - seen, 40)
                gaps.append(time.monotonic())
                worker = (set(mail.workers('smtpd')) - seen).pop()
                seen.add(worker)
                os.kill(worker, signal.SIGKILL)
            gaps = [b - a for a, b in zip(gaps, gaps[1:])]
            self.assertLess(max(gaps[:3]), 1.0, gaps)
            self.assertGreater(gaps[3], 0.8, gaps)
            wait_until(lambda: set(mail.workers('smtpd')) - seen, 40)
            mail.wait_ready()
            mail.deliver(message('after-deaths'))
            self.assertEqual(mail.log('smtpd').count('worker died'), 5)


class Stopping(unittest.TestCase):
    def test_answers_under_way_are_finished(self):
        body = ('z' * 76 + '\r\n') * 200000
        with Lab() as mail:
            for name in ('smtpd', 'pop3d'):
                mail.launch(name)
            mail.wait_ready()
            mail.deliver(message('large', body))
            t = mail.pop3_raw()
            f = t.makefile('rb')
            for line in (None, f'USER alice@{DOMAIN}', f'PASS {PASSWORD}', 'RETR 1'):
                if line:
                    t.sendall(line.encode() + b'\r\n')
                self.assertTrue(f.readline().startswith(b'+OK'))
            mail.processes['pop3d'].send_signal(signal.SIGTERM)
            time.sleep(2)  # nobody reads meanwhile
            got = 0
            while True:
                line = f.readline()
                if line in (b'.\r\n', b''):
                    break
                got += len(line)
            self.assertEqual(line, b'.\r\n')
            self.assertGreater(got, len(body))
            self.assertEqual(mail.processes.pop('pop3d').wait(20), 0)

    def test_while_the_dns_is_asked(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(('127.0.0.1', 0))
            silent.settimeout(20)
            port = silent.getsockname()[1]
            with Lab(settings=f'dns:\n  zones: ["silent.test 127.0.0.1@{port}"]\n') as mail:
                mail.launch('smtpd')
                mail.wait_ready()
                with mail.submission() as c:
                    c.sendmail(f'alice@{DOMAIN}', ['b@silent.test'],
                               message('asked', sender=f'alice@{DOMAIN}'))
                silent.recv(1000)
                p = mail.processes.pop('smtpd')
                p.send_signal(signal.SIGTERM)
                self.assertEqual(p.wait(20), 0)
                log = mail.log('smtpd')
                self.assertNotIn('Assertion', log)
                self.assertNotIn('worker died', log)

    def test_idle_sessions_are_told_and_a_mailer_in_data_too(self):
        with Lab() as mail:
            mail.launch('smtpd')
            mail.wait_ready()
            idle = socket.create_connection(('localhost', mail.ports['smtp']), 20)
            idle.recv(1000)
            busy = socket.create_connection(('localhost', mail.ports['smtp']), 20)
            for line in (b'', b'HELO c\r\n', b'MAIL FROM:<a@example.net>\r\n',
                         b'RCPT TO:<alice@%s>\r\n' % DOMAIN.encode(), b'DATA\r\n'):
                busy.sendall(line)
                busy.recv(1000)
            busy.sendall(b'Subject: half\r\n\r\n')
            p = mail.processes.pop('smtpd')
            p.send_signal(signal.SIGTERM)
            for s in (idle, busy):
                self.assertTrue(s.recv(1000).startswith(b'421 4.3.2 '))
                self.assertEqual(s.recv(1000), b'')
            self.assertEqual(p.wait(20), 0)


class Limits(unittest.TestCase):
    def test_an_octet_now_and_then_keeps_no_session(self):
        settings = 'limits:\n  login_seconds: 5\n'
        with Lab(settings=settings) as mail:
            for name in ('smtpd', 'imapd', 'pop3d'):
                mail.launch(name)
            mail.wait_ready()
            plain = [socket.create_connection(('localhost', mail.ports[p]), 20)
                     for p in ('smtp', 'submission')]
            inside = [ssl._create_unverified_context().wrap_socket(
                socket.create_connection(('localhost', mail.ports[p]), 20))
                for p in ('submissions', 'imaps', 'pop3s')]
            handshake = [socket.create_connection(('localhost', mail.ports['imaps']), 20)]
            left, begin = plain + inside, time.monotonic()
            for s in left:
                s.recv(1000)
            while left and time.monotonic() - begin < 15:
                for s in list(left):
                    try:
                        s.sendall(b'N')
                        s.settimeout(0.05)
                        while s.recv(1000):
                            pass
                        left.remove(s)
                    except (socket.timeout, ssl.SSLWantReadError):
                        pass
                    except OSError:
                        left.remove(s)
                time.sleep(0.5)
            self.assertFalse(left, f'{len(left)} of 5 are still there')
            handshake[0].close()

    def test_a_reader_that_does_not_read_costs_little(self):
        body = ('z' * 76 + '\r\n') * 50000
        with Lab(settings='workers: 1\n') as mail:
            for name in ('smtpd', 'pop3d'):
                mail.launch(name)
            mail.wait_ready()
            mail.deliver(message('large', body))
            worker, = mail.workers('pop3d')
            t = mail.pop3_raw()
            t.sendall(f'USER alice@{DOMAIN}\r\nPASS {PASSWORD}\r\n'.encode())
            before = int(status_of(worker)['RssAnon'].split()[0])
            t.settimeout(2)
            try:
                for _ in range(20000):
                    t.sendall(b'RETR 1\r\n' * 100)
            except OSError:
                pass  # it takes no more, as it should
            else:
                self.fail('two million commands were taken, and no answer read')
            # the message itself is mapped: those pages are not a cost of the session
            self.assertLess(int(status_of(worker)['RssAnon'].split()[0]) - before, 32768)
            mail.deliver(message('others'))

    def test_connections_of_one_address(self):
        with Lab(settings='workers: 1\nlimits:\n  connections_per_address: 5\n') as mail:
            mail.launch('smtpd')
            mail.wait_ready()
            time.sleep(0.5)  # those of wait_ready are gone
            held = [socket.create_connection(('127.0.0.1', mail.ports['smtp']), 10)
                    for _ in range(5)]
            for s in held:
                self.assertTrue(s.recv(1000).startswith(b'220 '))
            with socket.create_connection(('127.0.0.1', mail.ports['smtp']), 10) as s:
                self.assertTrue(s.recv(1000).startswith(b'421 4.7.0 '))
                self.assertEqual(s.recv(1000), b'')
            with socket.create_connection(('127.0.0.1', mail.ports['smtp']), 10,
                                          source_address=('127.0.0.9', 0)) as s:
                self.assertTrue(s.recv(1000).startswith(b'220 '))
            held.pop().close()
            wait_until(lambda: self.greeted(mail))

    def greeted(self, mail):
        with socket.create_connection(('127.0.0.1', mail.ports['smtp']), 10) as s:
            return s.recv(1000).startswith(b'220 ')

    def test_descriptors_run_out(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        settings = 'workers: 1\nlimits:\n  connections_per_address: 3000\n'
        with Lab(settings=settings) as mail:
            mail.launch('smtpd', preexec_fn=few)
            mail.wait_ready()
            held = [socket.create_connection(('127.0.0.1', mail.ports['smtp']), 10)
                    for _ in range(400)]
            time.sleep(1)
            worker, = mail.workers('smtpd')
            before = cpu_ticks(worker)
            time.sleep(2)
            self.assertLess(cpu_ticks(worker) - before, 50)  # of 200
            for s in held:
                s.close()
            wait_until(lambda: self.greeted(mail))
            mail.deliver(message('after-the-flood'))
            self.assertEqual([worker], mail.workers('smtpd'))


class Cut(unittest.TestCase):
    """A connection that breaks at any octet files nothing."""

    def test_reset_and_truncation(self):
        texts = (b'DATA\r\nSubject: cut\r\n\r\ntext\r\n.\r\n',
                 b'BDAT 14\r\nSubject: cut\r\nBDAT 8 LAST\r\n\r\ntext\r\n')
        with Lab() as mail:
            mail.launch('smtpd')
            mail.launch('imapd')
            mail.wait_ready()
            for text in texts:
                for at in range(0, len(text)):
                    self.cut(mail, text[:at], at)
            mail.deliver(message('whole'))
            c = mail.imap()
            self.assertEqual(c.select()[1], [b'1'])
            c.logout()

    def cut(self, mail, text, at):
        s = socket.create_connection(('127.0.0.1', mail.ports['smtp']), 20)
        f = s.makefile('rb')
        f.readline()
        if at % 3 == 0:  # the records end without close_notify
            s.sendall(b'EHLO c\r\nSTARTTLS\r\n')
            while not f.readline().startswith(b'220 '):
                pass
            t = ssl._create_unverified_context().wrap_socket(s, suppress_ragged_eofs=True)
        else:
            t = s
        t.sendall(b'HELO c\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<alice@%s>\r\n'
                  % DOMAIN.encode() + text)
        t.recv(10)
        if at % 3 == 1:
            t.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        elif at % 3 == 0:
            t.shutdown(socket.SHUT_RDWR)
        f.close()
        t.close()


if __name__ == '__main__':
    harness.main('__main__')
