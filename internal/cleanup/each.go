package cleanup

import "golang.org/x/sync/errgroup"

// each does something with all of them, atOnce at a time, and returns what came
// of it in their order.
func each[T any](all []T, do func(T) error) []error {
	errs := make([]error, len(all))
	group := errgroup.Group{}
	group.SetLimit(atOnce)
	for i, one := range all {
		group.Go(func() error {
			errs[i] = do(one)
			return nil
		})
	}
	_ = group.Wait() // none fails
	return errs
}
