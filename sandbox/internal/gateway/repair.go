package gateway

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/versity/versitygw/backend/posix"
)

// repair gives uploads that were being completed when the process died their
// names back. The engine renames an upload's folder while it puts the object
// together, and would take a later Complete for a repeated one.
func repair(data string) error {
	dirs, err := fs.Glob(os.DirFS(data), path.Join("*", posix.MetaTmpMultipartDir, "*", "*.inprogress"))
	if err != nil {
		return fmt.Errorf("repair uploads: %w", err)
	}
	for _, dir := range dirs {
		id, _, _ := strings.Cut(path.Base(dir), ".")
		from, to := filepath.Join(data, dir), filepath.Join(data, path.Dir(dir), id)
		if err := os.Rename(from, to); err != nil {
			return fmt.Errorf("repair uploads: %w", err)
		}
	}
	return nil
}
