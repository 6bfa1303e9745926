package walk

import (
	"fmt"
	"os"
)

// Open opens the file for reading, without waiting for anybody. ErrExchanged
// says that another file has that path by now, because it was replaced or
// because a folder on the way became a link. The same file with other bytes is
// not noticed here.
func (e Entry) Open() (*os.File, error) {
	f, err := os.OpenFile(e.Path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (e.Info == nil || !os.SameFile(e.Info, info)) {
		err = fmt.Errorf("open %s: %w", e.Path, ErrExchanged)
	}
	if err != nil {
		_ = f.Close() // read only
		return nil, err
	}
	return f, nil
}
