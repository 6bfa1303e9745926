package trail_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sealift/sealift/trail"
)

// An event says what its record says, as another reader has it.
func TestEventsAreWhatTheStandardLibraryReads(t *testing.T) {
	text := newMaker(2).file(50)
	var want struct{ Records []json.RawMessage }
	byStandard(t, text, &want)
	got, faults := read(zipped(text), trail.Options{})
	if len(faults) > 0 || len(got) != len(want.Records) {
		t.Fatalf("%d events, want %d; %v", len(got), len(want.Records), faults)
	}
	for i, e := range got {
		if string(e.Raw) != string(want.Records[i]) {
			t.Fatalf("event %d: its raw JSON is not the record's", i)
		}
		if at := e.Position; at.Record != i+1 || !strings.HasPrefix(text[at.Offset:], string(e.Raw)) {
			t.Errorf("event %d is said to stand at %v", i, at)
		}
		var s standard
		byStandard(t, string(e.Raw), &s)
		same(t, e, s)
	}
}

func same(t *testing.T, e trail.Event, s standard) {
	t.Helper()
	who, session := s.UserIdentity, s.UserIdentity.SessionContext
	readOnly := ""
	if s.ReadOnly != nil {
		readOnly = fmt.Sprint(*s.ReadOnly)
	}
	var request struct{ BucketName, Key, UploadID string }
	byStandard(t, string(s.RequestParameters), &request)
	for _, c := range [][2]string{
		{e.Version, s.EventVersion}, {e.Source, s.EventSource}, {e.Name, s.EventName}, {e.ID, s.EventID},
		{e.Type, s.EventType}, {e.Category, s.EventCategory}, {e.Time.String(), s.EventTime.String()},
		{e.Region, s.AwsRegion}, {e.Address, s.SourceIPAddress}, {e.UserAgent, s.UserAgent},
		{e.ErrorCode, s.ErrorCode}, {e.ErrorMessage, s.ErrorMessage}, {e.RequestID, s.RequestID},
		{e.Account, s.RecipientAccountID}, {e.SharedID, s.SharedEventID}, {e.ReadOnly, readOnly},
		{string(e.Request), null(s.RequestParameters)}, {string(e.Response), null(s.ResponseElements)},
		{string(e.Additional), null(s.AdditionalEventData)}, {string(e.Resources), null(s.Resources)}, {string(e.TLS), null(s.TLSDetails)},
		{e.Identity.Type, who.Type}, {e.Identity.PrincipalID, who.PrincipalID}, {e.Identity.ARN, who.ARN},
		{e.Identity.Account, who.AccountID}, {e.Identity.KeyID, who.AccessKeyID}, {e.Identity.UserName, who.UserName},
		{e.Identity.InvokedBy, who.InvokedBy}, {e.Identity.SourceIdentity, session.SourceIdentity},
		{e.Identity.IssuerType, session.SessionIssuer.Type}, {e.Identity.IssuerARN, session.SessionIssuer.ARN},
		{e.Identity.IssuerPrincipalID, session.SessionIssuer.PrincipalID}, {e.Identity.IssuerAccount, session.SessionIssuer.AccountID},
		{e.Identity.IssuerName, session.SessionIssuer.UserName}, {e.Identity.SessionCreated, session.Attributes.CreationDate},
		{e.Identity.MFA, session.Attributes.MfaAuthenticated},
		{e.Bucket, request.BucketName}, {e.Key, request.Key}, {e.UploadID, request.UploadID},
	} {
		if c[0] != c[1] {
			t.Errorf("record %d: got %q, want %q", e.Position.Record, c[0], c[1])
		}
	}
}

func null(raw json.RawMessage) string {
	if string(raw) == "null" {
		return ""
	}
	return string(raw)
}

// A file can be cut anywhere. What is left reads as the records that are whole,
// and one fault.
func TestEveryPrefixReadsAsItsWholeRecords(t *testing.T) {
	m := newMaker(3)
	records := []string{m.record(), m.record(), m.record()}
	text := `{"Records":[` + strings.Join(records, ",") + `]}`
	for cut := range len(text) {
		want := 0
		for i := range records {
			if cut >= len(`{"Records":[`+strings.Join(records[:i+1], ",")) {
				want++
			}
		}
		events, faults := read(text[:cut], trail.Options{})
		if len(events) != want || len(faults) != 1 || !errors.Is(faults[0], trail.ErrTruncated) && cut > 0 {
			t.Fatalf("cut at %d: %d events, want %d; %v", cut, len(events), want, faults)
		}
	}
}

// So it is with a compressed one, as far as it can be inflated.
func TestEveryPrefixOfAGzipIsSaidToBeCutShort(t *testing.T) {
	text := newMaker(4).file(6)
	whole, _ := read(text, trail.Options{})
	packed := zipped(text)
	for cut := 2; cut < len(packed); cut++ {
		events, faults := read(packed[:cut], trail.Options{})
		if len(faults) != 1 || !errors.Is(faults[0], trail.ErrTruncated) {
			t.Fatalf("cut at %d: %v", cut, faults)
		}
		if len(events) > len(whole) || names(events) != names(whole[:len(events)]) {
			t.Fatalf("cut at %d: %d events are not the first of the whole's", cut, len(events))
		}
	}
}

func TestItDoesNotMatterHowTheBytesCome(t *testing.T) {
	text := newMaker(5).file(40)
	want, _ := read(text, trail.Options{})
	for name, from := range map[string]io.Reader{
		"a byte at a time":   iotest.OneByteReader(strings.NewReader(text)),
		"the end with data":  iotest.DataErrReader(strings.NewReader(text)),
		"zipped, by halves":  iotest.HalfReader(strings.NewReader(zipped(text))),
		"with a pretty face": strings.NewReader(pretty(t, text)),
	} {
		got, faults := gather(trail.Read("log", from, trail.Options{}))
		if len(faults) > 0 || names(got) != names(want) {
			t.Errorf("%s: %d events, want %d; %v", name, len(got), len(want), faults)
		}
	}
}

func pretty(t *testing.T, text string) string {
	var all any
	byStandard(t, text, &all)
	out, err := json.MarshalIndent(all, "", "   ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

const (
	one   = `{"eventVersion":"1.09","eventTime":"2026-11-25T01:02:03Z","eventName":"One","userIdentity":{"type":"Root"}}`
	two   = `{"eventVersion":"1.09","eventTime":"2026-11-25T01:02:04Z","eventName":"Two"}`
	three = `{"eventVersion":"1.09","eventTime":"2026-11-25T01:02:05Z","eventName":"Three"}`
)

// Whatever one record is, it is told, and the others are read.
func TestOneBadRecordHidesNoOther(t *testing.T) {
	big := strings.Replace(two, "Two", strings.Repeat("x", 70_000), 1)
	for name, c := range map[string]struct {
		bad  string
		want error
	}{
		"no value":                  {`{"eventVersion":"1.09","eventName":}`, trail.ErrRecord},
		"a quote too few":           {`{"eventVersion":"1.09","eventName":"Two,"eventTime":"2026-11-25T01:02:04Z"}`, trail.ErrRecord},
		"a brace too few":           {`{"eventVersion":"1.09","requestParameters":{"eventName":"Two"}`, trail.ErrRecord},
		"brackets that cross":       {`{"eventVersion":"1.09","requestParameters":{]}}`, trail.ErrRecord},
		"no object":                 {`17`, trail.ErrRecord},
		"a string":                  {`"Two"`, trail.ErrRecord},
		"a control character":       {"{\"eventVersion\":\"1.09\",\"eventName\":\"\x1b[2J\"}", trail.ErrRecord},
		"not UTF-8":                 {"{\"eventVersion\":\"1.09\",\"eventName\":\"\xff\"}", trail.ErrRecord},
		"half a surrogate pair":     {`{"eventVersion":"1.09","eventName":"\ud800"}`, trail.ErrRecord},
		"a number like no other":    {`{"eventVersion":"1.09","eventName":01}`, trail.ErrRecord},
		"a comma too many":          {`{"eventVersion":"1.09",}`, trail.ErrRecord},
		"no name":                   {`{"eventVersion":"1.09","eventTime":"2026-11-25T01:02:04Z"}`, trail.ErrRecord},
		"no time":                   {`{"eventVersion":"1.09","eventName":"Two"}`, trail.ErrRecord},
		"a time of its own":         {`{"eventName":"Two","eventTime":"yesterday"}`, trail.ErrRecord},
		"an object for a name":      {`{"eventName":{},"eventTime":"2026-11-25T01:02:04Z"}`, trail.ErrRecord},
		"a name twice":              {`{"eventName":"Two","eventTime":"2026-11-25T01:02:04Z","eventName":"Three"}`, trail.ErrDuplicate},
		"a name twice, far in":      {strings.Replace(two, `"Two"`, `"Two","x":[{"y":{"a":1,"b":2,"a":3}}]`, 1), trail.ErrDuplicate},
		"a name twice, one escaped": {strings.Replace(two, `"Two"`, `"Two","event\u004eame":"Three"`, 1), trail.ErrDuplicate},
		"more than may be":          {big, trail.ErrSize},
		"far too deep":              {`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, trail.ErrRecord},
	} {
		for how, text := range map[string]string{
			"CloudTrail's": `{"Records":[` + one + "," + c.bad + "," + three + `]}`,
			"an array":     "[\n" + one + ",\n" + c.bad + ",\n" + three + "]",
			"lines":        one + "\n" + c.bad + "\n" + three + "\n",
		} {
			if how == "lines" && c.bad[0] != '{' {
				continue
			}
			events, faults := read(text, trail.Options{MaxRecord: 65_536})
			if names(events) != "One Three" || len(faults) != 1 || !errors.Is(faults[0], c.want) {
				t.Errorf("%s, %s: read %q and %v, want %v", name, how, names(events), faults, c.want)
				continue
			}
			at := faults[0].Position
			if at.Record != 2 || at.Offset != int64(strings.Index(text, c.bad)) {
				t.Errorf("%s, %s: said to stand at %v", name, how, at)
			}
		}
	}
}

// Where brackets match by chance, over records that lie between, those are
// found all the same; and what stands between records hides none.
func TestDamageHidesNoRecordBehindIt(t *testing.T) {
	for text, want := range map[string]string{
		`[` + one + `,{"eventName":"x},` + two + `,{"eventName":x"},` + three + `]`: "One bad Two bad Three",
		`[` + one + ` ` + two + `,` + three + `]`:                                   "One bad Two Three",
		`[` + one + `;` + two + `,` + three + `]`:                                   "One bad Two Three",
		`[` + one + `,,` + two + `,` + three + `]`:                                  "One bad Two Three",
		`[` + one + `}` + two + `,` + three + `]`:                                   "One bad Two Three",
	} {
		var got []string
		for e, err := range trail.Read("log", strings.NewReader(text), trail.Options{}) {
			if errors.Is(err, trail.ErrRecord) {
				got = append(got, "bad")
			} else {
				got = append(got, e.Name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: read %q, want %q", text, got, want)
		}
	}
}

func TestALargeRecordIsRead(t *testing.T) {
	large := strings.Replace(two, "Two", strings.Repeat("long", 64<<10), 1)
	events, faults := read(zipped(`{"Records":[`+one+","+large+","+three+`]}`), trail.Options{})
	if len(events) != 3 || len(faults) > 0 || len(events[1].Name) != 256<<10 {
		t.Errorf("%d events, %v", len(events), faults)
	}
}

func TestWhatIsNoTrailIsSaidToBeNone(t *testing.T) {
	for name, text := range map[string]string{
		"empty":           "",
		"blank":           " \n",
		"text":            "MIT License",
		"a digest":        `{"awsAccountId":"123456789012","digestStartTime":"2026-11-25T00:00:00Z","logFiles":[]}`,
		"another object":  `{"records":[` + one + `]}`,
		"no array":        `{"Records":{}}`,
		"strange objects": `[{"a":1},{"a":2}]`,
		"logs in a list":  `[{"Records":[` + one + `]}]`,
		"strange lines":   "{\"a\":1}\n{\"a\":2}\n",
		"numbers":         `[1,2,3]`,
		"a zip":           "PK\x03\x04\x1b[2J",
	} {
		for _, text := range []string{text, zipped(text)} {
			events, faults := read(text, trail.Options{})
			if len(events) > 0 || len(faults) != 1 || !errors.Is(faults[0], trail.ErrNotTrail) {
				t.Errorf("%s: %d events, %v", name, len(events), faults)
			}
		}
	}
	if events, faults := read(`{"Records":[]}`, trail.Options{}); len(events) > 0 || len(faults) > 0 {
		t.Errorf("no records: %d events, %v", len(events), faults)
	}
}

// AWS writes one gzip member. What somebody hung on is read, and told of.
func TestFurtherGzipMembersAreNamed(t *testing.T) {
	first, second := `{"Records":[`+one+`]}`, `{"Records":[`+two+`]}`
	events, faults := read(zipped(first)+zipped(second), trail.Options{})
	if names(events) != "One Two" || len(faults) != 1 || !errors.Is(faults[0], trail.ErrMembers) {
		t.Fatalf("read %q and %v", names(events), faults)
	}
	if from := faults[0].Position.Offset; from != int64(len(first)) || events[0].Position.Offset >= from || events[1].Position.Offset < from {
		t.Errorf("the second member is said to begin at %d, want %d", from, len(first))
	}
	long := newMaker(11).file(300)
	for name, more := range map[string]string{"nothing": zipped(""), "blanks": zipped(" \n")} {
		events, faults = read(zipped(long)+more, trail.Options{})
		if len(events) != 300 || len(faults) != 1 || !errors.Is(faults[0], trail.ErrMembers) {
			t.Errorf("a member of %s: read %q and %v", name, names(events), faults)
		}
	}
	events, faults = read(zipped(first)+"more", trail.Options{})
	if names(events) != "One" || len(faults) != 1 || !errors.Is(faults[0], trail.ErrMembers) {
		t.Errorf("bytes behind it: read %q and %v", names(events), faults)
	}
}

func TestACorruptGzipIsSaidToBe(t *testing.T) {
	packed := []byte(zipped(`{"Records":[` + one + `]}`))
	packed[len(packed)-6]++ // of the checksum
	events, faults := read(string(packed), trail.Options{})
	if names(events) != "One" || len(faults) != 1 || !errors.Is(faults[0], trail.ErrCorrupt) {
		t.Errorf("read %q and %v", names(events), faults)
	}
}

// A name in other case is not read, and not passed over in silence.
func TestVariantsInCaseAreNamed(t *testing.T) {
	text := `{"eventTime":"2026-11-25T01:02:03Z","eventName":"X","EVENTNAME":"Y","userIdentity":{"arn":"a","ARN":"b","sessionContext":{"sourceidentity":"c"}},` +
		`"requestParameters":{"bucketName":"d","bucketname":"e","tag":{"Key":1,"key":2}},"\u0065ventſource":"f"}`
	events, faults := read(text, trail.Options{})
	if len(events) != 1 || len(faults) > 0 {
		t.Fatalf("%d events, %v", len(events), faults)
	}
	want := []string{"EVENTNAME", "userIdentity.ARN", "userIdentity.sessionContext.sourceidentity", "requestParameters.bucketname", "eventſource"}
	if e := events[0]; !slices.Equal(e.Variants, want) || e.Name != "X" || e.Identity.ARN != "a" || e.Bucket != "d" || e.Source != "" || e.Identity.SourceIdentity != "" {
		t.Errorf("variants %q, want %q; %+v", e.Variants, want, e)
	}
}

func TestErrorsShowNoEscapes(t *testing.T) {
	for name, text := range map[string]string{
		"name":  `{"Records":[` + one + `,{"eventName":"\u001b[2J","eventName":"x"},{"\u001b[31m":1,"\u001b[31m":2},{"eventName":"x","eventTime":"\u001b]0;x\u0007"}]}`,
		"start": "\x1b[2J",
	} {
		for _, err := range gather1(trail.Read("a\x1b[2J.json", strings.NewReader(text), trail.Options{})) {
			if strings.ContainsAny(err.Error(), "\x1b\x07") {
				t.Errorf("%s: %q shows an escape", name, err.Error())
			}
		}
	}
}

func gather1(all iter.Seq2[trail.Event, error]) (errs []error) {
	for _, err := range all {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// A session token stands in AssumeRole's record; printing an event shows none.
func TestPrintingAnEventShowsNoToken(t *testing.T) {
	text := strings.Replace(one, `"One"`, `"One","responseElements":{"credentials":{"sessionToken":"SECRET"}}`, 1)
	events, _ := read(text, trail.Options{})
	if got := events[0].Response.Get("credentials", "sessionToken").Text(); got != "SECRET" {
		t.Fatalf("got %q", got)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("seen", "event", events[0], "response", events[0].Response)
	for _, shown := range []string{log.String(), fmt.Sprint(events), fmt.Sprintf("%+v", events), fmt.Sprintf("%#v %s", events[0], events[0].Response)} {
		if strings.Contains(shown, "SECRET") {
			t.Errorf("shows %s", shown)
		}
	}
}

func TestJSONIsReadAsTolerantlyAsCloudTrailWritesIt(t *testing.T) {
	list := trail.JSON(`{"CompleteMultipartUpload":{"Part":[{"PartNumber":1},{"PartNumber":"2"}]},"n":null,"é\n":"\u00e9\ud83d\ude00\/"}`)
	single := trail.JSON(`{"CompleteMultipartUpload":{"Part":{"PartNumber":1}}}`)
	for want, j := range map[string]trail.JSON{"1 2": list, "1": single, "": `{}`} {
		var got []string
		for p := range j.Get("CompleteMultipartUpload", "Part").Items() {
			got = append(got, p.Get("PartNumber").Text())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("parts %q, want %q", got, want)
		}
	}
	if got := list.Get("é\n").Text(); got != "é😀/" || list.Get("n") != "" || list.Get("N") != "" {
		t.Errorf("got %q", got)
	}
}

// What stands beside the records hides none of them.
func TestRecordsAreFoundAmongOtherMembers(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":{"Records":[]},"Records":[` + one + `],"b":["]"],"c":1}`:              "One",
		`{"Records":[` + one + `],"Records":[` + two + `],"Records":null}`:          "One name given twice Two name given twice",
		`{"Records":[` + one + `]}` + "\n" + `{"Records":[` + two + `]}`:            "One Two",
		`{"Records":[` + one + `],"x":"` + strings.Repeat("x", 70_000) + `"}` + two: "One Two",
		`{"Records":[` + one + `],"x"}`:                                             "One no CloudTrail records",
		`{"Records":[` + one + `],"x":`:                                             "One cut short",
	} {
		var got []string
		for e, err := range trail.Read("log", strings.NewReader(text), trail.Options{MaxRecord: 65_536}) {
			if err == nil {
				got = append(got, e.Name)
				continue
			}
			for _, base := range []error{trail.ErrDuplicate, trail.ErrNotTrail, trail.ErrTruncated} {
				if errors.Is(err, base) {
					got = append(got, base.Error())
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%.60s…: read %q, want %q", text, got, want)
		}
	}
}
