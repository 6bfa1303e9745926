package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/redact"
	"github.com/sealift/sealift/internal/walk"
)

// A rehearsal is what --dry-run finds out: what would be sent, and in how many
// requests.
type rehearsal struct {
	Files    int64            `json:"files"`
	Bytes    int64            `json:"bytes"`
	Requests map[string]int64 `json:"requests"` // by operation; at least so many
	Price    float64          `json:"price_usd"`

	run   *run
	looks bool // a reader looks at each key first
}

// Prices are USD for one request to S3 Standard in us-east-1. Other regions
// and classes cost more.
//
// Source: https://aws.amazon.com/s3/pricing/ (recalled, not read again).
const (
	priceOfPut = 0.005 / 1000
	priceOfGet = 0.0004 / 1000
)

// plannedLine is a file that would be sent, as JSON.
type plannedLine struct {
	head
	Source string `json:"source"`
	Object string `json:"object"`
	Size   int64  `json:"size"`
	Parts  int    `json:"parts"`
}

func (r *run) rehearsal() *rehearsal {
	return &rehearsal{run: r, Requests: map[string]int64{}, looks: r.upload.reads()}
}

// add plans one file, and prints where it would go.
func (p *rehearsal) add(path, object string, size int64) error {
	cut, err := plan.For(size, int64(p.run.upload.PartSize))
	if err != nil {
		return err
	}
	p.Files++
	p.Bytes += size
	if p.looks {
		p.Requests["HeadObject"]++
	}
	if cut.Single() {
		p.Requests["PutObject"]++
	} else {
		p.Requests["CreateMultipartUpload"]++
		p.Requests["UploadPart"] += int64(cut.Parts)
		p.Requests["CompleteMultipartUpload"]++
	}
	if p.run.json != nil {
		p.run.json.print(plannedLine{heading("planned", p.run.id), path, object, size, cut.Parts})
		return p.run.json.failed()
	}
	return p.run.printResult(fmt.Sprintf("%s\t%d\t%d", redact.Escape(object)+"\t"+redact.Escape(path), size, cut.Parts))
}

// conclude says what it comes to.
func (p *rehearsal) conclude() {
	var words []string
	for _, operation := range slices.Sorted(maps.Keys(p.Requests)) {
		n := p.Requests[operation]
		words = append(words, humanize.Comma(n)+" "+operation)
		if operation == "HeadObject" {
			p.Price += float64(n) * priceOfGet
		} else {
			p.Price += float64(n) * priceOfPut
		}
	}
	if p.run.json != nil {
		p.run.planned = p
		return
	}
	p.run.Say("dry run: %s, %s; nothing was sent", count(p.Files, "file"), humanize.IBytes(uint64(p.Bytes)))
	if len(words) > 0 {
		p.run.Say("requests: %s; about $%.4f, if a thousand PUTs cost $0.005 as in S3 Standard in us-east-1; retries and storage come on top", strings.Join(words, ", "), p.Price)
	}
}

// reads tells whether a reader was named.
func (i *Identity) reads() bool { return i.ReaderProfile != "" || i.ReaderRoleARN != "" }

// rehearse says what would be sent of the files named one by one.
func (r *run) rehearse(bucket string, all sendings) error {
	p := r.rehearsal()
	defer p.conclude()
	for _, one := range all {
		if err := p.add(one.path, address(bucket, one.key), one.size); err != nil {
			return err
		}
	}
	return nil
}

// rehearse walks the tree, and says what would be sent.
func (g *grove) rehearse(ctx context.Context, s *Streams) error {
	p := g.rehearsal()
	t := g.tree
	found := walk.Tree{Sources: t.Sources, Names: t.Names, Follow: t.FollowSymlinks, Keep: t.Keep, Skip: t.Skip, Form: t.Form}
	for e, err := range found.Walk(ctx) {
		if err == nil {
			err = g.rehearseOne(p, e)
		}
		if err != nil {
			g.progress.Close()
			return err
		}
	}
	g.progress.Close()
	g.bad.tell(s)
	g.sum.Unreadable += g.bad.ignored
	p.conclude()
	switch {
	case g.bad.worst != nil:
		return &saidError{g.bad.worst}
	case g.sum.Unreadable > 0:
		return &saidError{sealift.ErrUnreadable}
	}
	return nil
}

// rehearseOne is what the library would make of an entry.
func (g *grove) rehearseOne(p *rehearsal, e walk.Entry) error {
	event := sealift.Event{Source: e.Path, Bucket: g.to.bucket, Err: e.Err}
	key := g.to.key + e.Name
	switch {
	case e.Kind == walk.Fault && !errors.Is(e.Err, walk.ErrKind):
		g.sum.Unreadable++
		g.bad.add(g.Streams, &event, fmt.Errorf("%w: %w", sealift.ErrUnreadable, e.Err))
	case e.Kind != walk.File:
		g.sum.PassedOver++
		event.Err = cmpError(e.Err, errPassed)
		g.passOver(event)
	case key == g.tree.Manifest:
		g.sum.Unreadable++
		g.bad.add(g.Streams, &event, fmt.Errorf("%w: %w: the manifest has this key", sealift.ErrUnreadable, walk.ErrClash))
	case g.tree.Known != nil && g.known(key, e):
		g.sum.Skipped++
	default:
		if err := (sealift.Object{Bucket: g.to.bucket, Key: key}).Check(); err != nil {
			g.sum.Unreadable++
			g.bad.add(g.Streams, &event, fmt.Errorf("%w: %w", sealift.ErrUnreadable, err))
			return nil
		}
		err := p.add(e.Path, address(g.to.bucket, key), e.Info.Size())
		if errors.Is(err, errOutput) {
			return err
		}
		if err != nil {
			g.sum.Failed++
			g.bad.add(g.Streams, &event, err)
		}
	}
	return nil
}

func (g *grove) known(key string, e walk.Entry) bool {
	_, known := g.tree.Known(key, e.Info.Size(), e.Info.ModTime())
	return known
}

// errPassed says why links, and what is Sealift's own, are not sent.
var errPassed = errors.New("a link, which is not followed, or Sealift's own")

func cmpError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
