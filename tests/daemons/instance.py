"""A throw-away Vectis on loopback: for ./dev run and for the tests beside this file.

Nothing here knows the inside of a daemon: it writes a configuration, calls vectisctl
as an operator would, starts the daemons and waits until their ports answer.
"""
import atexit
import contextlib
import imaplib
import os
import poplib
import random
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

DOMAIN = 'example.test'
PASSWORD = 'correct-horse-7'
ACCOUNTS = ('alice', 'bob')
PORTS = ('smtp', 'submission', 'submissions', 'imaps', 'pop3s')
DAEMONS = ('smtpd', 'imapd', 'pop3d', 'acmed')


def build_dir():
    return os.path.abspath(os.environ.get('top_builddir') or '_build')


given = set()  # ports that this process has already: nobody may listen yet


def free_ports(count):
    """Ports that no outgoing connection takes while a daemon is restarted."""
    with open('/proc/sys/net/ipv4/ip_local_port_range') as f:
        below = int(f.read().split()[0])
    found = []
    if len(given) > 200:  # of some 300 that there are
        given.clear()
    with contextlib.ExitStack() as stack:
        while len(found) < count:
            s = stack.enter_context(socket.socket())
            # each process has a 64th of them: two that begin at once do not meet
            port = random.randrange(min(10000, below // 2), below - 64) // 64 * 64
            port += os.getpid() % 64
            if port in given:
                continue
            with contextlib.suppress(OSError):
                s.bind(('127.0.0.1', port))
                found.append(port)
                given.add(port)
    return found


def run(*args, **kwargs):
    """Run a command; its standard output, or an exception that shows what it said."""
    kwargs.setdefault('timeout', 120)
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, check=False, **kwargs)
    if done.returncode:
        raise RuntimeError(f'{args} failed with {done.returncode}:\n{done.stdout}{done.stderr}')
    return done.stdout


class CertificateAuthority:
    """A private CA with openssl, and server certificates for localhost from it."""

    def __init__(self, folder):
        self.folder = folder
        self.cert = os.path.join(folder, 'ca.crt')
        self.key = os.path.join(folder, 'ca.key')
        run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
            '-nodes', '-days', '30', '-keyout', self.key, '-out', self.cert, '-subj',
            '/CN=Vectis test CA', '-addext', 'keyUsage=critical,keyCertSign,cRLSign')

    def issue(self, name, days=30, hosts=('localhost', 'mail.' + DOMAIN)):
        """A new pair below folder: (chain, key)."""
        chain = os.path.join(self.folder, name + '.crt')
        key = os.path.join(self.folder, name + '.key')
        csr = os.path.join(self.folder, name + '.csr')
        ext = os.path.join(self.folder, name + '.ext')
        names = ','.join(['DNS:' + h for h in hosts] + ['IP:127.0.0.1'])
        with open(ext, 'w') as f:
            f.write(f'subjectAltName={names}\nextendedKeyUsage=serverAuth\n')
        run('openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
            '-nodes', '-keyout', key, '-out', csr, '-subj', '/CN=' + hosts[0])
        run('openssl', 'x509', '-req', '-in', csr, '-CA', self.cert, '-CAkey', self.key,
            '-CAcreateserial', '-days', str(days), '-extfile', ext, '-out', chain)
        os.chmod(key, 0o600)
        return chain, key


def group_lives(group):
    """Whether a process of the group runs: the last of a killed daemon's workers may still
    be giving its memory, and its port, back when the daemon itself is gone.  One whose
    first thread is a zombie runs as long as others of its threads do."""
    for name in os.listdir('/proc'):
        if name.isdigit():
            with contextlib.suppress(OSError):
                with open(f'/proc/{name}/stat') as f:
                    state, _, its = f.read().rpartition(')')[2].split()[:3]
                if int(its) == group and (state != 'Z' or
                                          len(os.listdir(f'/proc/{name}/task')) > 1):
                    return True
    return False


class Instance:
    """with Instance() as mail: ... starts everything and takes it down again."""

    def __init__(self, folder=None, accounts=ACCOUNTS, settings='', daemons=DAEMONS,
                 keep=False, provider='self-signed', pop3=True, keys=None,
                 believes_own=False):
        self.build = build_dir()
        self.keep = keep
        self.folder = folder or tempfile.mkdtemp(prefix='vectis-')
        self.accounts = accounts
        self.hostname = 'mail.' + DOMAIN
        self.settings = settings
        self.keys = keys or {}  # more of a port's section: {'smtp': ('idle_seconds: 5',)}
        self.provider = provider
        self.tls = ''  # more keys of that group
        self.pop3_on = pop3
        self.believes_own = believes_own  # the CA beside it, of other servers too
        self.daemon_names = daemons
        *ports, self.http_port = free_ports(len(PORTS) + 1)
        self.ports = dict(zip(PORTS, ports))
        self.processes = {}
        self.logs = {}
        self.config = os.path.join(self.folder, 'config.yaml')
        self.state = os.path.join(self.folder, 'state')

    # --- set-up -----------------------------------------------------------------

    def write_config(self):
        os.makedirs(self.folder, exist_ok=True)
        settings, listen = '\n' + self.settings, ''
        for name, port in self.ports.items():
            line = '\n  '.join((f'{name}:', f'listen: ["127.0.0.1:{port}"]')
                               + self.keys.get(name, ())) + '\n'
            if f'\n{name}:\n' in settings:  # the test has more to say of it
                settings = settings.replace(f'\n{name}:\n', '\n' + line)
            else:
                listen += line
        authorities = f'  authorities: {self.folder}/ca.crt\n' if self.believes_own else ''
        with open(self.config, 'w') as f:
            f.write(f'''hostname: {self.hostname}
state_dir: {self.state}
run_dir: {self.folder}/run
user: ""
tls:
  provider: {self.provider}
{authorities}{self.tls}auth:
  hash_cost: 1
http:
  listen: ["127.0.0.1:{self.http_port}"]
  public_port: {self.http_port}
{listen}{settings}''')

    def ctl(self, *args, **kwargs):
        return run(os.path.join(self.build, 'vectisctl', 'vectisctl'), '-c', self.config,
                   *args, **kwargs)

    def ctl_with_password(self, *args, password=PASSWORD):
        return self.ctl(*args, '--password-fd', '0', input=password + '\n')

    def set_up(self):
        self.write_config()
        if not getattr(self, 'ca', None):
            self.ca = CertificateAuthority(self.folder)
        self.ctl('setup', '--unattended')
        self.ctl('domain', 'add', DOMAIN, '--incoming', 'on', '--trust')
        for name in self.accounts:
            self.ctl_with_password('mailbox', 'add', f'{name}@{DOMAIN}')
            if self.pop3_on:
                self.ctl('mailbox', 'set', f'{name}@{DOMAIN}', '--pop3', 'on')
        chain, key = self.ca.issue('first')
        if self.provider == 'self-signed':
            self.ctl('cert', 'import', chain, key)

    # --- processes --------------------------------------------------------------

    def start(self, name):
        log = open(os.path.join(self.folder, name + '.log'), 'ab')
        self.logs[name] = log.name
        self.processes[name] = subprocess.Popen(
            [os.path.join(self.build, name, name), '-c', self.config],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        log.close()

    def kill(self, name, how=signal.SIGKILL):
        """End a daemon and its workers at once; the ports are free afterwards."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        process.wait()
        until = time.monotonic() + 30
        while group_lives(process.pid) and time.monotonic() < until:
            time.sleep(0.01)

    def wait_ready(self, timeout=30):
        wanted = {'smtpd': ('smtp', 'submission', 'submissions'), 'imapd': ('imaps',),
                  'pop3d': ('pop3s',), 'acmed': ()}
        until = time.monotonic() + timeout
        for name in list(self.processes):
            for port in wanted[name]:
                while not self.answers(port):
                    if self.processes[name].poll() is not None or time.monotonic() > until:
                        raise RuntimeError(f'{name} does not answer on its port {port}:\n'
                                           + self.log(name))
                    time.sleep(0.02)

    def answers(self, port):
        try:
            socket.create_connection(('127.0.0.1', self.ports[port]), 1).close()
            return True
        except OSError:
            return False

    def log(self, name):
        with open(self.logs[name], errors='replace') as f:
            return f.read()[-20000:]

    def start_all(self):
        for name in self.daemon_names:
            self.start(name)
        self.wait_ready()

    def stop_all(self):
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for name, process in self.processes.items():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.processes = {}

    def __enter__(self):
        atexit.register(self.__exit__, None, None, None)  # Ctrl-C in the middle of a test
        try:
            self.set_up()
            self.start_all()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.stop_all()
        if kind is not None and kind is not KeyboardInterrupt:
            for name, path in self.logs.items():
                print(f'--- the end of {name}\'s log\n{self.log(name)[-3000:]}', file=sys.stderr)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- clients ----------------------------------------------------------------

    def context(self):
        return ssl.create_default_context(cafile=self.ca.cert)

    def imap(self, name='alice', password=PASSWORD):
        c = imaplib.IMAP4_SSL('localhost', self.ports['imaps'], ssl_context=self.context(),
                              timeout=60)
        if name:
            c.login(f'{name}@{DOMAIN}', password)
        return c

    def pop3(self, name='alice', password=PASSWORD):
        c = poplib.POP3_SSL('localhost', self.ports['pop3s'], context=self.context(),
                            timeout=60)
        if name:
            c.user(f'{name}@{DOMAIN}')
            c.pass_(password)
        return c

    def smtp(self):
        return smtplib.SMTP('localhost', self.ports['smtp'], 'client.example.net', timeout=60)

    def submission(self, name='alice', password=PASSWORD):
        c = smtplib.SMTP('localhost', self.ports['submission'], 'laptop.example.net',
                         timeout=60)
        c.starttls(context=self.context())
        if name:
            c.login(f'{name}@{DOMAIN}', password)
        return c

    def deliver(self, message, to='alice', sender='someone@example.net'):
        with self.smtp() as c:
            refused = c.sendmail(sender, [f'{n}@{DOMAIN}' for n in to.split(',')], message)
        assert not refused, refused


def message(subject, body='Hello.\r\n', sender='someone@example.net'):
    return (f'From: {sender}\r\nTo: alice@{DOMAIN}\r\nSubject: {subject}\r\n'
            f'Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{subject}@example.net>\r\n'
            f'\r\n{body}').encode()
