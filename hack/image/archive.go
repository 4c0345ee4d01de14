package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// writeArchive writes an image as an archive that `ctr images import`, podman, skopeo and kind take. The name is in the two
// annotations that they look at.
func writeArchive(path string, index v1.ImageIndex, name string, modified time.Time) error {
	annotations := map[string]string{"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
	return writeLayout(path, modified, func(l layout.Path) error { return l.AppendIndex(index, layout.WithAnnotations(annotations)) })
}

// writeLayout writes an OCI image layout, with what fill puts into it, as a tar file.
func writeLayout(path string, modified time.Time, fill func(layout.Path) error) (err error) {
	folder, err := os.MkdirTemp(filepath.Dir(path), "layout-")
	if err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	l, err := layout.Write(folder, empty.Index)
	if err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	if err := fill(l); err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	if err := writeTar(file, os.DirFS(folder), modified); err != nil {
		return errors.Join(fmt.Errorf("write the archive: %w", err), file.Close())
	}
	return file.Close()
}

// writeTar packs a folder's files in the order of their names, with one time and no owner, so that the bytes depend on the contents alone.
func writeTar(out io.Writer, folder fs.FS, modified time.Time) error {
	w := tar.NewWriter(out)
	err := fs.WalkDir(folder, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		header := &tar.Header{Name: path, ModTime: modified.UTC(), Format: tar.FormatUSTAR}
		if entry.IsDir() {
			header.Typeflag, header.Name, header.Mode = tar.TypeDir, header.Name+"/", 0o755
			return w.WriteHeader(header)
		}
		data, err := fs.ReadFile(folder, path)
		if err != nil {
			return err
		}
		header.Typeflag, header.Mode, header.Size = tar.TypeReg, 0o644, int64(len(data))
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}
