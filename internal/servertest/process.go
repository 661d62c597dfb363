package servertest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// startTimeout is how long a server may take until it accepts connections. It is
// long because a machine that runs tests is busy.
const startTimeout = 30 * time.Second

// watchdog waits until its standard input closes, which happens at the latest
// when the test binary is gone, and then ends the server's process group ($1) and
// removes its data ($2). Nothing of it is needed any more, so nothing is asked to
// end by itself; Dovecot would take some seconds over that.
const watchdog = `read -r _; kill -s KILL -- "-$1"; rm -rf -- "$2"`

// process is a running server.
type process struct {
	log   string        // the file with its standard output and error
	ended chan struct{} // closed when the server has ended
	leash *os.File      // closing it makes the watchdog stop the server
	guard *exec.Cmd     // the watchdog
	doors []door        // what it listens on
	group int           // its process group, which its children share
}

type door struct{ network, address string }

func (d door) open() error {
	c, err := net.DialTimeout(d.network, d.address, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// start runs argv under a, with its data and its log in dir, which is removed when
// the process is stopped.
func start(a account, dir string, argv ...string) (*process, error) {
	p := &process{log: filepath.Join(dir, "output.log"), ended: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = []string{"HOME=" + dir, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "PYTHONUNBUFFERED=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(p.ended)
	}()
	p.group = cmd.Process.Pid
	if err := p.guardWith(p.group, dir); err != nil {
		_ = cmd.Process.Kill()
		return nil, err
	}
	return p, nil
}

func (p *process) guardWith(pid int, dir string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	p.leash = w
	p.guard = exec.Command("/bin/sh", "-c", watchdog, "watchdog", fmt.Sprint(pid), dir)
	p.guard.Stdin = r
	// A group of its own: an interrupt at the terminal must not end the watchdog
	// before it has ended the server.
	p.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.guard.Start(); err != nil {
		return errors.Join(err, w.Close())
	}
	return nil
}

// stop ends the server and removes its data. On return nobody listens any more.
func (p *process) stop() {
	_ = p.leash.Close()
	_ = p.guard.Wait()
	<-p.ended
	// The first process may be gone before its children are.
	for _, d := range p.doors {
		for until := time.Now().Add(startTimeout); d.open() == nil && time.Now().Before(until); {
			time.Sleep(time.Millisecond)
		}
	}
}

// listening waits until something accepts connections at the address.
func (p *process) listening(network, address string) error {
	d := door{network, address}
	p.doors = append(p.doors, d)
	for until := time.Now().Add(startTimeout); ; {
		err := d.open()
		if err == nil {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("no answer at %s within %s: %w\n%s", address, startTimeout, err, p.output())
		}
		select {
		case <-p.ended:
			return fmt.Errorf("the server ended at once:\n%s", p.output())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (p *process) output() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
