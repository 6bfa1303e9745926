package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/sealift/sealift/internal/cleanup"
	"github.com/sealift/sealift/internal/redact"
)

// A sweep is one run of cleanup. It goes through the listing once to show it,
// and once more, if that is agreed to, to abort what was shown so: it keeps no
// list, and what it aborts it has seen a moment before.
type sweep struct {
	c      *Cleanup
	s      *Streams
	run    string
	began  time.Time
	json   *jsonLines // nil = no JSON
	bucket string
	prices cleanup.Prices
	rule   cleanup.Rule
	chosen consent
	headed bool // the table has begun

	uploads, ours, unweighed, unpriced, gone int
	bytes, allBytes                          int64 // of the chosen, and of all
	price                                    float64
	resumable                                int // of the chosen
	aborted, freed, kept                     int64
	failed                                   int
	worst                                    error // of those that failed
	unasked                                  bool  // it was said why the parts of one could not be listed
}

func (w *sweep) do(ctx context.Context, tell *teller, at string) error {
	to, err := parseDestination(at)
	if err != nil {
		return err
	}
	if w.c.Others && !w.c.aged {
		return &usageError{"--others without --older-than", "say how old what is not yours must be: --older-than 168h"}
	}
	keeper, who, err := w.c.keeper(ctx, tell, to.bucket, to.key)
	if err != nil {
		return err
	}
	w.bucket, w.chosen = to.bucket, consent{}
	w.prices = cleanup.Prices{Given: float64(w.c.Price), AWS: isAWS(who.endpoint)}
	w.rule = cleanup.Rule{Now: w.began, OlderThan: w.c.OlderThan, Others: w.c.Others}
	all := func(cleanup.Found) bool { return !w.c.Fast }
	gone, err := keeper.Each(ctx, to.key, all, func(page []cleanup.Found) error {
		w.prices.Region = keeper.S3.Region(to.bucket)
		return w.show(page)
	})
	w.gone = gone
	if err != nil {
		return housekeeping(to.bucket, err)
	}
	w.total(at)
	if agreed, err := w.c.agreed(ctx, w.s, w); err != nil || !agreed {
		return err
	}
	return w.abort(ctx, keeper, to.key)
}

// show prints a page, and remembers what of it would be aborted.
func (w *sweep) show(page []cleanup.Found) error {
	for _, f := range page {
		keep := w.rule.Keep(f)
		w.count(f, keep)
		if err := w.print(f, keep); err != nil {
			return err
		}
	}
	return nil
}

func (w *sweep) count(f cleanup.Found, keep string) {
	w.uploads++
	if f.Whose != cleanup.Other {
		w.ours++
	}
	w.allBytes += f.Weight.Bytes
	usd, known := w.prices.Month(f.StorageClass, f.Weight.Bytes)
	switch {
	case !f.Weighed:
		w.unweighed++
	case !known:
		w.unpriced++
	}
	w.price += usd
	if f.Err != nil && !w.unasked {
		w.unasked = true
		w.s.complain(fmt.Errorf("warning: %w", housekeeping(w.bucket, f.Err)))
	}
	if keep == "" {
		w.chosen.add(f)
		w.bytes += f.Weight.Bytes
		if f.Resumable {
			w.resumable++
		}
	}
}

// abort goes through the listing again, and aborts what was shown so and still
// is to be.
func (w *sweep) abort(ctx context.Context, keeper *cleanup.Keeper, prefix string) error {
	chosen := func(f cleanup.Found) bool { return w.chosen.has(f) }
	_, err := keeper.Each(ctx, prefix, chosen, func(page []cleanup.Found) error {
		var some []cleanup.Found
		for _, f := range page {
			if !w.chosen.has(f) {
				continue
			}
			if keep := w.rule.Keep(f); keep != "" {
				w.kept++
				w.note("%s is kept: %s", address(w.bucket, f.Key), keep)
				continue
			}
			some = append(some, f)
		}
		for i, err := range keeper.AbortAll(ctx, some) {
			if err := w.ended(some[i], err); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return nil
	})
	w.note("%s aborted, %s freed", uploads(int(w.aborted)), w.size(w.freed))
	if err != nil {
		return housekeeping(w.bucket, err)
	}
	if w.worst != nil {
		return &saidError{w.worst}
	}
	return nil
}

// ended tells what became of one.
func (w *sweep) ended(f cleanup.Found, err error) error {
	line := endedLine{head: heading("aborted", w.run), Object: address(w.bucket, f.Key), UploadID: f.ID, Bytes: f.Weight.Bytes}
	if err == nil {
		w.aborted, w.freed = w.aborted+1, w.freed+f.Weight.Bytes
		return w.result(line, "aborted", line.Object, f.ID)
	}
	err = housekeeping(w.bucket, err)
	w.failed, w.worst = w.failed+1, worst([]error{w.worst, err})
	w.s.complain(err)
	line.Type, line.Error, line.Hint, line.Exit = "failed", err.Error(), hintFor(err), exitCode(err)
	return w.result(line, "failed", line.Object, f.ID)
}

// result prints a line of JSON, or of fields with tabs between.
func (w *sweep) result(line any, fields ...string) error {
	if w.json != nil {
		w.json.print(line)
		return w.json.failed()
	}
	for i := range fields {
		fields[i] = redact.Escape(fields[i])
	}
	return w.s.printResult(strings.Join(fields, "\t"))
}

// An uploadLine is an open upload, as JSON.
type uploadLine struct {
	head
	Object       string     `json:"object"`
	UploadID     string     `json:"upload_id"`
	Initiated    *time.Time `json:"initiated"`
	Active       *time.Time `json:"active"` // when it last changed, as far as is known
	Initiator    string     `json:"initiator"`
	StorageClass string     `json:"storage_class"`
	Whose        string     `json:"whose"` // "journal", "session" or "other"
	Of           string     `json:"of,omitempty"`
	Transfer     string     `json:"transfer,omitempty"`
	Parts        *int       `json:"parts"`
	Bytes        *int64     `json:"bytes"`
	Month        *float64   `json:"usd_month"`
	Abort        bool       `json:"abort"`
	Kept         string     `json:"kept,omitempty"` // why it is not aborted
}

// An endedLine is one that was aborted, or could not be, as JSON.
type endedLine struct {
	head
	Object   string `json:"object"`
	UploadID string `json:"upload_id"`
	Bytes    int64  `json:"bytes"`
	Error    string `json:"error,omitempty"`
	Hint     string `json:"hint,omitempty"`
	Exit     int    `json:"exit,omitempty"`
}

func (w *sweep) lineOf(f cleanup.Found, keep string) uploadLine {
	l := uploadLine{head: heading("upload", w.run), Object: address(w.bucket, f.Key), UploadID: f.ID, Initiator: f.Initiator,
		StorageClass: orStandard(f.StorageClass), Whose: string(f.Whose), Of: f.Run, Transfer: f.Transfer, Abort: keep == "", Kept: keep}
	if at := f.Initiated; !at.IsZero() {
		l.Initiated = &at
	}
	if at := f.Active(); !at.IsZero() {
		l.Active = &at
	}
	if f.Weighed {
		l.Parts, l.Bytes = &f.Weight.Parts, &f.Weight.Bytes
		if usd, ok := w.prices.Month(f.StorageClass, f.Weight.Bytes); ok {
			l.Month = &usd
		}
	}
	return l
}

// print shows one upload: as JSON, a row of a table, or a line for a pipe.
func (w *sweep) print(f cleanup.Found, keep string) error {
	line := w.lineOf(f, keep)
	if w.json != nil {
		return w.result(line)
	}
	if _, eye := terminal(w.s.Out); eye {
		return w.row(line, f)
	}
	verb := "keep"
	if line.Abort {
		verb = "abort"
	}
	at := "-"
	if line.Initiated != nil {
		at = line.Initiated.Format(time.RFC3339)
	}
	parts, bytes := "-", "-"
	if f.Weighed {
		parts, bytes = strconv.Itoa(f.Weight.Parts), strconv.FormatInt(f.Weight.Bytes, 10)
	}
	return w.result(line, verb, line.Object, f.ID, line.Whose, at, line.StorageClass, parts, bytes, dash(f.Initiator))
}

const rowForm = "%-5s  %-5s  %8s  %6s  %10s  %11s  %-12s  %-34s  %s"

// row prints a row of the table, whose columns have their width beforehand: no
// row waits for the last.
func (w *sweep) row(line uploadLine, f cleanup.Found) error {
	if !w.headed {
		w.headed = true
		if err := w.s.printResult(fmt.Sprintf(rowForm, "THEN", "WHOSE", "AGE", "PARTS", "SIZE", "USD/MONTH", "CLASS", "OPENED BY", "OBJECT")); err != nil {
			return err
		}
	}
	then, whose, age, parts, size, usd := "abort", "ours", "?", "?", "?", "?"
	if !line.Abort {
		then = "keep"
	}
	if f.Whose == cleanup.Other {
		whose = "other"
	}
	if at := f.Active(); !at.IsZero() {
		age = since(w.began.Sub(at))
	}
	if f.Weighed {
		parts, size = strconv.Itoa(f.Weight.Parts), humanize.IBytes(uint64(f.Weight.Bytes))
	}
	if line.Month != nil {
		usd = cents(*line.Month)
	}
	object := redact.Escape(line.Object)
	if f.Whose != cleanup.Other && line.Kept != "" {
		object += "  (" + redact.Escape(line.Kept) + ")"
	}
	return w.s.printResult(fmt.Sprintf(rowForm, then, whose, age, parts, size, usd, redact.Escape(line.StorageClass), redact.Escape(shortly(f.Initiator)), object))
}

// shortly is who opened an upload, in as few words as tell people apart.
func shortly(initiator string) string {
	if i := strings.LastIndexByte(initiator, '/'); i >= 0 {
		initiator = initiator[i+1:]
	}
	if r := []rune(initiator); len(r) > 34 {
		return string(r[:33]) + "…"
	}
	return dash(initiator)
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func orStandard(class string) string {
	if class == "" {
		return "STANDARD"
	}
	return class
}

// isAWS tells whether an endpoint is one of AWS's; "" is.
func isAWS(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (endpoint == "" || strings.HasSuffix(u.Hostname(), ".amazonaws.com"))
}

// since is an age in its largest unit.
func since(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// cents writes a price; one that is not nothing is not written as nothing.
func cents(usd float64) string {
	if usd > 0 && usd < 0.01 {
		return "<0.01"
	}
	return strconv.FormatFloat(usd, 'f', 2, 64)
}

func (w *sweep) note(format string, args ...any) {
	if !w.c.Quiet {
		w.s.Say(format, args...)
	}
}

// size is bytes in words, where any upload's are known.
func (w *sweep) size(bytes int64) string {
	if w.unweighed == w.uploads && w.uploads > 0 && bytes == 0 {
		return "of unknown size"
	}
	return humanize.IBytes(uint64(bytes))
}

// total says what all of them are together.
func (w *sweep) total(at string) {
	if w.uploads == 0 {
		w.note("nothing is open under %s", at)
		return
	}
	w.note("%s open under %s, %d of them ours: %s", uploads(w.uploads), at, w.ours, w.size(w.allBytes))
	if w.unweighed > 0 {
		w.note("the parts of %s are not known, and not counted", uploads(w.unweighed))
	}
	switch {
	case w.unweighed == w.uploads:
	case w.unpriced == w.uploads-w.unweighed:
		w.note("what that costs is not known: %s; --price takes USD for a GiB and month", w.unknownPrice())
	default:
		w.note("to keep that costs %s USD a month, by %s", cents(w.price), w.by())
		if w.unpriced > 0 {
			w.note("the price of %s is not known, and not counted", uploads(w.unpriced))
		}
	}
}

func (w *sweep) unknownPrice() string {
	if !w.prices.AWS {
		return "this server is not AWS's"
	}
	return "no price of region " + w.prices.Region + " is known"
}

func (w *sweep) by() string {
	if w.prices.Given > 0 {
		return "--price"
	}
	return "prices of " + w.prices.Region + " as of " + cleanup.PricesRead + ", for orientation"
}

// A sweepSummary is the last line of --json.
type sweepSummary struct {
	head
	OK        bool     `json:"ok"`
	Exit      int      `json:"exit"`
	Uploads   int      `json:"uploads"`
	Ours      int      `json:"ours"`
	Bytes     int64    `json:"bytes"`
	Unweighed int      `json:"unweighed"` // uploads whose bytes are not known, and not counted
	Month     *float64 `json:"usd_month"` // null where the price of one is not known
	Gone      int      `json:"gone"`      // went away while they were looked at
	Stale     int      `json:"stale"`     // to be aborted
	Aborted   int64    `json:"aborted"`
	Freed     int64    `json:"bytes_freed"`
	Kept      int64    `json:"kept"` // were to be aborted, and changed meanwhile
	Failed    int      `json:"failed"`
	DryRun    bool     `json:"dry_run"`
	Error     string   `json:"error,omitempty"`
	Hint      string   `json:"hint,omitempty"`
}

func (w *sweep) summary(err error) sweepSummary {
	l := sweepSummary{head: heading("summary", w.run), OK: err == nil, Exit: exitCode(err), Uploads: w.uploads, Ours: w.ours, Bytes: w.allBytes,
		Unweighed: w.unweighed, Gone: w.gone, Stale: len(w.chosen), Aborted: w.aborted, Freed: w.freed, Kept: w.kept, Failed: w.failed, DryRun: w.c.DryRun}
	if w.unpriced == 0 && w.unweighed == 0 {
		l.Month = &w.price
	}
	if err != nil {
		l.Error, l.Hint = err.Error(), hintFor(err)
	}
	return l
}

// usd is the value of a flag that is an amount of money.
type usd float64

func (u *usd) String() string {
	if *u == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(*u), 'f', -1, 64)
}
func (u *usd) Type() string { return "USD" }
func (u *usd) Set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0 && v < 1000) {
		return errors.New("give USD for a GiB and month, as 0.023")
	}
	*u = usd(v)
	return nil
}
