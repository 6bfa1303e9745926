package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

// interruptions are the signals that ask the process to end: also the end of
// its terminal, unless nohup has it ignored.
func interruptions() []os.Signal {
	asked := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		asked = append(asked, syscall.SIGHUP)
	}
	return asked
}

// interruptible ends the context at the first interruption, so that what is
// under way can be aborted in order, and the process at the second. A pipe that
// nobody reads any more is an error of writing to it and no end.
func interruptible(parent context.Context, l *leaving) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, interruptions()...)
	broken := make(chan os.Signal, 1) // nobody listens: writing tells
	signal.Notify(broken, syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, ok := <-signals; !ok {
			return
		}
		cancel(errInterrupted)
		if _, ok := <-signals; ok {
			l.undo()
			os.Exit(codeInterrupted)
		}
	}()
	return ctx, func() {
		signal.Stop(broken)
		signal.Stop(signals)
		close(signals)
		<-done
		cancel(context.Canceled)
	}
}
