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
	//	started   Source, Size, Parts
	//	progress  Size, Sent, Acknowledged; several a second while bytes move
	//	retried   Operation, Part, Attempt, Wait, RequestID, Err
	//	waiting   Operation, Part, Attempt, Wait, Err: S3 has been out of reach
	//	          or busy for more than a few seconds
	//	stored    Size, Receipt
	//	failed    Size, Acknowledged, Err
	Type string
	Time time.Time // UTC

	Run      string // ULID
	Transfer string // ULID
	Bucket   string
	Key      string

	Source       string // as the source names itself
	Size         int64  // bytes of the source
	Parts        int    // 1 for a single PutObject
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
