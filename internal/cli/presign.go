package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

// Presign is `sealift presign`: a URL by which somebody else can store one
// object, and nothing but it. The URL is a secret, on standard output only.
type Presign struct {
	Identity
	Storage
	Output
	Expires  time.Duration
	Size     bytesExactly
	Checksum string
	File     string
	Curl     bool
}

func (p *Presign) command(s *Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "presign [flags] s3://BUCKET/KEY",
		Short:   "Print a URL by which somebody else can store one object",
		Long:    presignHelp,
		Example: presignExamples,
		Args:    presignArgs,
		RunE:    func(cmd *cobra.Command, args []string) error { return p.Run(cmd.Context(), s, args[0]) },
	}
	p.bind(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

func (p *Presign) bind(f *pflag.FlagSet) {
	p.Expires = 15 * time.Minute
	f.Var(span{&p.Expires, time.Second, s3wire.MaxPresigned, "a time from 1s to 168h, as 15m or 900"}, "expires", "how long the URL is good, as 15m or in seconds; within the session (--session-duration) and 168h, which is seven days (default 15m)")
	f.Var(&p.Size, "size", "length of what will be sent, 0 to 5GiB: that, and no other, is taken")
	f.StringVar(&p.Checksum, "checksum", "", "`SUM` of what will be sent: its CRC64NVME in base64, or its SHA-256 in base64 or hex; with --file, crc64nvme or sha256 (default crc64nvme)")
	f.StringVar(&p.File, "file", "", "take size and sum of this `FILE`; it is not sent")
	f.BoolVar(&p.Curl, "curl", false, "print a command for curl, in place of the URL")
	group(f, "Object", p.bindObject)
	group(f, "Identity", p.bindWriter)
	group(f, "Session", p.bindSession)
	group(f, "Output", p.bindOutput)
}

// bindObject takes over what upload says of an object and one PutObject can
// carry.
func (p *Presign) bindObject(f *pflag.FlagSet) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	p.Storage.bind(all)
	oneOf(f, &p.IfExists, "if-exists", "where the key holds an object: fail, which S3 sees to and which makes the URL good for one object; or overwrite, again and again (default fail)", "fail", "overwrite")
	for _, name := range []string{"content-type", "content-language", "content-encoding", "content-disposition", "cache-control",
		"metadata", "tagging", "storage-class", "sse", "sse-kms-key-id", "ssekms-encryption-context", "bucket-key-enabled",
		"object-lock-mode", "object-lock-retain-until-date", "object-lock-legal-hold-status", "expected-bucket-owner", "request-payer"} {
		f.AddFlag(all.Lookup(name))
	}
	f.Lookup("content-type").Usage = "media `TYPE` that must be sent; else whoever sends may name any"
}

func (p *Presign) bindOutput(f *pflag.FlagSet) {
	f.BoolVar(&p.JSON, "json", false, "print one JSON object: URL, method, headers, end, session")
	f.BoolVar(&p.Quiet, "quiet", false, "say nothing but warnings and errors; the URL is still printed")
	p.bindLog(f)
}

func presignArgs(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return &usageError{"name one object", "sealift presign s3://BUCKET/KEY --size BYTES --checksum SUM"}
	}
	return nil
}

// Run prints the URL for the object at address.
func (p *Presign) Run(ctx context.Context, s *Streams, at string) error {
	to, err := p.destination(at)
	if err != nil {
		return err
	}
	if err := p.measure(); err != nil {
		return err
	}
	object := p.object(to.bucket, to.key)
	if err := object.Check(); err != nil {
		return err
	}
	log, closeLog, err := p.logger(s)
	if err != nil {
		return err
	}
	defer closeLog() // appended to, line by line
	output := p.Output
	output.NoProgress, output.JSON = true, false // the one object is printed below
	tell := newTeller(s, output, newRun(), amount{}, log)
	who, err := p.mint(ctx, tell, to)
	if err != nil {
		return err
	}
	request, err := p.sign(ctx, tell, who, object)
	if err != nil {
		return err
	}
	return p.show(tell, who.session, object, request)
}

// destination is the key; one that ends in / is completed by --file's name.
func (p *Presign) destination(at string) (destination, error) {
	to, err := parseDestination(at)
	if err == nil && to.folder() {
		if p.File == "" {
			return to, &usageError{fmt.Sprintf("%s names no key", at), "name the whole key: a URL is good for one object"}
		}
		to.key = to.keyFor(p.File)
	}
	return to, err
}

// measure settles size and sum, from the flags or the file.
func (p *Presign) measure() error {
	if p.Curl && p.JSON {
		return &usageError{"--curl and --json exclude each other", "give one of them"}
	}
	if p.File == "" {
		switch {
		case !p.Size.given:
			return &usageError{"--size is missing", "give the length of what will be sent in bytes, or --file FILE to have it measured"}
		case p.Checksum == "":
			return &usageError{"--checksum is missing", "give the CRC64NVME or the SHA-256 of what will be sent, or --file FILE to have it summed"}
		}
		return nil
	}
	if p.Size.given {
		return &usageError{"--file and --size exclude each other", "leave out --size: it is the file's"}
	}
	algorithm := strings.ToLower(p.Checksum)
	if algorithm != "" && algorithm != "crc64nvme" && algorithm != "sha256" {
		return &usageError{"--checksum names a sum beside --file", "with --file give --checksum crc64nvme or sha256: the sum is the file's"}
	}
	f, _, err := open(p.File)
	if err != nil {
		return err
	}
	defer f.Close() // read only
	size, sum, err := s3wire.Measure(f, algorithm == "sha256")
	p.Size.bytes, p.Checksum = size, sum.Value
	if err != nil {
		return fmt.Errorf("read %s: %w", p.File, err)
	}
	return nil
}

// mint signs in for that one key.
func (p *Presign) mint(ctx context.Context, tell *teller, to destination) (*signedIn, error) {
	defer tell.progress.Close()
	want := p.allow(policy.Want{Bucket: to.bucket, Keys: []string{to.key}})
	switch p.Narrow {
	case "auto":
		p.Narrow = "require" // the key, or nothing
	case "prefix":
		want.Prefix = to.prefix()
	}
	return p.signIn(ctx, tell, want)
}

// sign makes the request. Nothing is sent.
func (p *Presign) sign(ctx context.Context, tell *teller, who *signedIn, object sealift.Object) (*http.Request, error) {
	c := who.at()
	c.AllowPlainHTTP, c.Run, c.Logger = p.AllowPlainHTTP, tell.run, tell.log
	up, err := sealift.New(c)
	if err != nil {
		return nil, err
	}
	defer up.Close()
	request, err := up.Presign(ctx, object, p.Size.bytes, p.Checksum, p.Expires)
	switch {
	case errors.Is(err, s3wire.ErrOutlives):
		return nil, &advised{fmt.Errorf("--expires %v: %w", p.Expires, err), p.longer()}
	case errors.Is(err, sealift.ErrInvalid):
		return nil, &advised{err, "--size and --checksum say what will be sent; sealift presign --help has their forms"}
	}
	return request, err
}

// longer is how to have a URL that is good for as long as asked.
func (p *Presign) longer() string {
	need := (p.Expires + time.Minute).Truncate(time.Minute)
	if need > session.MaxDuration {
		return "no session lasts longer than 12h: give a shorter --expires, and another URL when it is over"
	}
	return fmt.Sprintf("give a shorter --expires, or --session-duration %dm, if the role's maximum allows it", int(need.Minutes())+1)
}

// presignedLine is what --json prints. The URL is a secret.
type presignedLine struct {
	head
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Object  string            `json:"object"`
	Size    int64             `json:"size"`
	Expires time.Time         `json:"expires"`
	Session sessionFact       `json:"session"`
	Receipt *string           `json:"receipt"` // always null: nobody here learns of the object
}

// sessionFact is the session that signed.
type sessionFact struct {
	KeyID     string     `json:"key_id"`
	Name      string     `json:"name"`
	RoleARN   string     `json:"role_arn"`
	Narrowing string     `json:"narrowing"`
	Expires   *time.Time `json:"expires"`
}

// show prints the URL, and says what goes with it.
func (p *Presign) show(tell *teller, by *session.Session, object sealift.Object, r *http.Request) error {
	headers := map[string]string{"content-length": strconv.FormatInt(r.ContentLength, 10)}
	for name := range r.Header {
		headers[strings.ToLower(name)] = r.Header.Get(name)
	}
	ends, err := endOf(r)
	if err != nil {
		return err
	}
	if p.JSON {
		line := presignedLine{head: heading("presigned", tell.run), Method: r.Method, URL: r.URL.String(), Headers: headers,
			Object: address(object.Bucket, object.Key), Size: r.ContentLength, Expires: ends, Session: factOf(by, r)}
		var text bytes.Buffer
		lines := json.NewEncoder(&text)
		lines.SetEscapeHTML(false) // the URL is for copying, & and all
		if err := lines.Encode(line); err != nil {
			return err
		}
		return tell.printResult(string(plain(bytes.TrimRight(text.Bytes(), "\n"))))
	}
	if !p.Quiet {
		tell.under.Say("whoever has this URL can store %s until %s: it is a secret", address(object.Bucket, object.Key), ends.Format(time.RFC3339))
		tell.under.Say("PUT with exactly these headers is taken; there will be no receipt of it")
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			tell.under.Say("  %s: %s", name, headers[name])
		}
	}
	if p.Curl {
		return tell.printResult(p.curl(r, headers))
	}
	return tell.printResult(r.URL.String())
}

// curl is a command line that sends it. curl tells the length by itself.
func (p *Presign) curl(r *http.Request, headers map[string]string) string {
	file := p.File
	if file == "" {
		file = "FILE"
	}
	words := []string{"curl", "--fail-with-body", "--upload-file", quote(file)}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if name != "content-length" {
			words = append(words, "--header", quote(name+": "+headers[name]))
		}
	}
	return strings.Join(append(words, quote(r.URL.String())), " ")
}

// endOf is when a presigned request is over, as it says itself.
func endOf(r *http.Request) (time.Time, error) {
	query := r.URL.Query()
	from, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	if err != nil {
		return from, errors.New("the signer told no date")
	}
	seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
	return from.Add(time.Duration(seconds) * time.Second), err
}

// factOf is the session whose key signed r.
func factOf(by *session.Session, r *http.Request) sessionFact {
	keyID, _, _ := strings.Cut(r.URL.Query().Get("X-Amz-Credential"), "/")
	fact := sessionFact{KeyID: keyID, Narrowing: string(policy.KindOff)}
	if id, ok := by.Identity(keyID); ok {
		fact.Name, fact.RoleARN, fact.Narrowing = id.Name, id.RoleARN, string(id.Narrowing)
		if !id.Expires.IsZero() {
			fact.Expires = &id.Expires
		}
	}
	return fact
}
