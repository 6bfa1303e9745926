package sealift

import (
	"time"

	"github.com/sealift/sealift/receipt"
)

// An Event is one step in the life of a transfer. Which fields it fills
// depends on its Type; those not named are zero.
type Event struct {
	// Type is one of
	//
	//	started   Source, Size, Parts, and with Config.Journal Resumable, Stored
	//	          and Acknowledged: what an earlier process sent
	//	progress  Size, Sent, Acknowledged; several a second while bytes move.
	//	          With Operation and Err when the Reader could not look whether
	//	          the key is taken: S3 then tells at the end. With Err alone
	//	          where something is to be said aloud: that the upload begins
	//	          again, or can no longer be resumed
	//	retried   Operation, Part, Attempt, Wait, RequestID, Err
	//	waiting   Operation, Part, Attempt, Wait, Err: S3 has been out of reach
	//	          or busy for more than a few seconds
	//	stored    Size, Receipt
	//	skipped   Size, Err: ErrExists where the key holds an object that is to
	//	          stay, else why a Tree's entry is passed over; Transfer is ""
	//	          where none was begun
	//	failed    Size, Sent, Acknowledged, Err; Transfer is "" where none was begun,
	//	          Key where the entry has none
	Type string
	Time time.Time // UTC

	Run      string // ULID
	Transfer string // ULID
	Bucket   string
	Key      string

	Source       string // as the source names itself
	Size         int64  // bytes of the source, or of the range that Parts sends; -1 while a stream has not ended
	Parts        int    // 1 for a single PutObject; 0 for a stream
	Stored       int    // of them, by an earlier process that the upload goes on from
	Resumable    bool   // a later process could go on from this one
	Sent         int64  // body bytes handed to the network that may still count
	Acknowledged int64  // bytes S3 has confirmed; never falls, counts no byte twice

	Operation string // as CloudTrail spells it: "UploadPart"
	Part      int    // from 1; 0 for what is not about one part
	Attempt   int    // of the request that did not succeed, from 1
	Wait      time.Duration
	RequestID string
	Err       error

	Receipt *receipt.Receipt
}

// backlog is how many events may wait for OnEvent before transfers do.
const backlog = 64

// events delivers events in order, from one goroutine, which close ends.
type events struct {
	queue chan delivery
	done  chan struct{}
}

// A delivery is an event, or a request to be told that all before it are
// delivered.
type delivery struct {
	Event
	then    func() // called when it is delivered; may be nil
	flushed chan struct{}
}

// deliver starts the goroutine that calls on. A nil on needs none.
func deliver(on func(Event)) *events {
	if on == nil {
		return nil
	}
	e := &events{queue: make(chan delivery, backlog), done: make(chan struct{})}
	go func() {
		defer close(e.done)
		for d := range e.queue {
			if d.flushed != nil {
				close(d.flushed)
				continue
			}
			on(d.Event)
			if d.then != nil {
				d.then()
			}
		}
	}()
	return e
}

// send queues an event. Mere progress is dropped when many are waiting: the next
// one tells the same and more.
func (e *events) send(event Event) {
	if e == nil {
		return
	}
	if event.Type != "progress" || event.Err != nil {
		e.queue <- delivery{Event: event}
		return
	}
	select {
	case e.queue <- delivery{Event: event}:
	default:
	}
}

// sendThen queues an event that is not mere progress, and calls then when it has
// been delivered, or is heard by nobody.
func (e *events) sendThen(event Event, then func()) {
	if e == nil {
		then()
		return
	}
	e.queue <- delivery{Event: event, then: then}
}

// flush returns when all events sent before it are delivered.
func (e *events) flush() {
	if e == nil {
		return
	}
	flushed := make(chan struct{})
	e.queue <- delivery{flushed: flushed}
	<-flushed
}

func (e *events) close() {
	if e != nil {
		close(e.queue)
		<-e.done
	}
}
