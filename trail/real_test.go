package trail_test

import (
	"testing"

	"github.com/sealift/sealift/trail"
)

// What was counted in the real sets by another program, in another language.
func TestRealTrailsAreReadWhole(t *testing.T) {
	for _, want := range []tally{
		{set: "invictus", events: 2900, failed: 300, keys: 133, names: 260, assumed: 49, inBucket: 242, first: "2023-07-10T11:42:18Z", last: "2023-07-10T12:37:50Z"},
		{set: "otrf", events: 103, keys: 2, names: 26, assumed: 5, inBucket: 9, first: "2020-09-14T00:44:20Z", last: "2020-09-14T01:13:20Z"},
		{set: "stratus", events: 310, failed: 52, keys: 40, names: 54, assumed: 12, first: "2024-07-30T21:31:10Z", last: "2024-11-30T08:43:18Z"},
	} {
		t.Run(want.set, func(t *testing.T) {
			got := count(t, want.set)
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// A tally is what is counted of one set.
type tally struct {
	set         string
	events      int
	failed      int // have an error code
	keys        int // different access keys
	names       int // different event names
	assumed     int // AssumeRole
	inBucket    int // name a bucket in their request
	first, last string
}

func count(t *testing.T, set string) tally {
	got := tally{set: set}
	keys, names, ids := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for e, err := range folder(t.Context(), real(t, set), trail.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Variants) > 0 || ids[e.ID] {
			t.Errorf("%v: variants %q, or its id came before", e, e.Variants)
		}
		var s standard
		byStandard(t, string(e.Raw), &s)
		if s.EventTime.IsZero() { // Logstash has renamed it
			s.EventTime = e.Time
		}
		same(t, e, s)
		ids[e.ID], names[e.Name] = true, true
		got.events++
		if e.ErrorCode != "" {
			got.failed++
		}
		if e.Identity.KeyID != "" {
			keys[e.Identity.KeyID] = true
		}
		if e.Name == "AssumeRole" {
			got.assumed++
		}
		if e.Bucket != "" {
			got.inBucket++
		}
		when := e.Time.Format("2006-01-02T15:04:05Z")
		if got.first == "" || when < got.first {
			got.first = when
		}
		got.last = max(got.last, when)
	}
	got.keys, got.names = len(keys), len(names)
	return got
}

// So it is with a filter: of real records too it keeps what Keep keeps.
func TestThePrefilterDropsNoRealRecordThatIsWanted(t *testing.T) {
	for _, set := range []string{"invictus", "otrf", "stratus"} {
		dir := real(t, set)
		var all []trail.Event
		for e := range folder(t.Context(), dir, trail.Options{}) {
			all = append(all, e)
		}
		for i := range 20 {
			pick := all[i*len(all)/20]
			for _, f := range []trail.Filter{
				{Names: []string{pick.Name}}, {Principal: pick.Identity.ARN, From: pick.Time}, {Principal: pick.Identity.KeyID},
				{Role: pick.Identity.IssuerARN}, {Role: pick.Identity.IssuerName}, {Bucket: pick.Bucket, To: pick.Time},
				{From: pick.Time, To: pick.Time.Add(1)},
			} {
				want := 0
				for _, e := range all {
					if f.Keep(e) {
						want++
					}
				}
				got := 0
				for range folder(t.Context(), dir, trail.Options{Filter: f}) {
					got++
				}
				if got != want {
					t.Errorf("%s: %+v keeps %d, want %d", set, f, got, want)
				}
			}
		}
	}
}
