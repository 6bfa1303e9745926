package source

import (
	"io/fs"
	"syscall"
)

func (p *Fingerprint) inode(info fs.FileInfo) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		p.Changed, p.Inode, p.Device = st.Ctim.Nano(), st.Ino, uint64(st.Dev)
	}
}
