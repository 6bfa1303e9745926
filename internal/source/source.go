package source
import ("io";"os")
type Source struct{}
func File(f *os.File) *Source {return nil}
func ReaderAt(r io.ReaderAt, size int64) *Source {return nil}
