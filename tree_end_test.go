package sealift_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sealift/sealift"
)

// However a tree ends, Close leaves no goroutine of it.
func TestTreesLeaveNoGoroutine(t *testing.T) {
	w := plant(t, nil)
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("d%d/f%d", i%7, i))
	}
	top := grow(t, names...)
	if err := os.WriteFile(filepath.Join(top, "big"), make([]byte, 20*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	w.put(t, w.prefix+"taken", "older")
	w.Uploader.Close()
	leave := errors.New("enough")
	for name, change := range map[string]func(*sealift.Tree, context.CancelCauseFunc){
		"stored": func(*sealift.Tree, context.CancelCauseFunc) {},
		"denied": func(x *sealift.Tree, _ context.CancelCauseFunc) { x.Prefix = "elsewhere/" },
		"taken":  func(x *sealift.Tree, _ context.CancelCauseFunc) { x.Manifest = w.prefix + "taken" },
		"given up": func(_ *sealift.Tree, end context.CancelCauseFunc) {
			time.AfterFunc(20*time.Millisecond, func() { end(leave) })
		},
		"never begun": func(_ *sealift.Tree, end context.CancelCauseFunc) { end(leave) },
		"a list that ends": func(x *sealift.Tree, _ context.CancelCauseFunc) {
			x.Names = func(yield func(string, error) bool) { _ = yield("d0/f0", nil) && yield("", leave) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := w.fixture
			c := sealift.Config{Credentials: f.prefixed(t, w.prefix), Reader: f.reader(t), Region: f.Region, Endpoint: f.Endpoint, RootCAs: f.roots(t),
				KeepTrying: 5 * time.Second, OnEvent: func(sealift.Event) {}}
			up, err := sealift.New(c)
			if err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithCancelCause(t.Context())
			defer end(nil)
			tree := w.tree(top)
			tree.Options.IfExists = "overwrite"
			change(&tree, end)
			run, err := up.Start(ctx, tree)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = run.Wait() // however it ends
			if err := up.Close(); err != nil {
				t.Fatal(err)
			}
			var left string
			for range 100 {
				stacks := make([]byte, 1<<20)
				stacks = stacks[:runtime.Stack(stacks, true)]
				left = ""
				for g := range strings.SplitSeq(string(stacks), "\n\n") {
					if strings.Contains(g, "sealift.(*Run)") || strings.Contains(g, "sealift.deliver") ||
						strings.Contains(g, "internal/engine") || strings.Contains(g, "internal/source") {
						left += g + "\n\n"
					}
				}
				if left == "" {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Errorf("left are\n%.3000s", left)
		})
	}
}
