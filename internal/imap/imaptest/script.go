package imaptest

import (
	"bufio"
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Script is a peer that says what it is told to, whatever sense it makes.
type Script struct {
	Greeting string // with its line end
	// Answers are looked through in order for the first whose Command begins
	// the client's; a command without an answer gets "OK".
	Answers []Answer

	mu       sync.Mutex
	commands []string
	used     map[int]int
}

// Answer is what the peer says to a command.
type Answer struct {
	Command string // the beginning of the command without its tag, any case
	Reply   string // with its line ends; %T stands for the tag, for DONE for that of IDLE
	// Make, if set, makes the reply to this very command.
	Make func(command string) string
	// Trickle, if set, makes the lines that come before the reply, one at a
	// time after Pause, until it gives none.
	Trickle func(n int) string
	Pause   time.Duration
	Times   int  // how often it is used; 0: always
	Hangup  bool // close the connection after it
	Silent  bool // say nothing and wait for the next line
}

// Dial connects to the peer without a network.
func (s *Script) Dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go s.Serve(server)
	return client, nil
}

// Serve plays the peer on one connection until the client is gone.
func (s *Script) Serve(c net.Conn) {
	defer c.Close()
	if _, err := io.WriteString(c, s.Greeting); err != nil {
		return
	}
	r := bufio.NewReader(c)
	for last := ""; ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		tag, rest, tagged := strings.Cut(line, " ")
		if !tagged {
			tag, rest = last, line
		}
		last = tag
		a := s.answer(rest)
		if a.Make != nil {
			a.Reply = a.Make(rest)
		}
		if a.Trickle != nil && !trickle(c, a) {
			return
		}
		if !a.Silent {
			if _, err := io.WriteString(c, strings.ReplaceAll(a.Reply, "%T", tag)); err != nil {
				return
			}
		}
		if a.Hangup {
			return
		}
	}
}

// trickle reports whether the client took it all.
func trickle(c net.Conn, a Answer) bool {
	for n := 1; ; n++ {
		line := a.Trickle(n)
		if line == "" {
			return true
		}
		<-time.After(a.Pause)
		if _, err := io.WriteString(c, line); err != nil {
			return false
		}
	}
}

// Commands are the lines that clients sent, without their tags.
func (s *Script) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

func (s *Script) answer(command string) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = append(s.commands, command)
	if s.used == nil {
		s.used = map[int]int{}
	}
	for i, a := range s.Answers {
		if len(command) < len(a.Command) || !strings.EqualFold(command[:len(a.Command)], a.Command) || a.Times > 0 && s.used[i] >= a.Times {
			continue
		}
		s.used[i]++
		return a
	}
	return Answer{Reply: "%T OK done\r\n"}
}
