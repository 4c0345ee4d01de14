package node

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// Image is a container image of one statically linked program, which is its entry point.
type Image struct {
	// Name includes a tag. A registry in it is never asked.
	Name string
	// Program is the file on this machine.
	Program string
}

// archiveEntry is one element of an archive's manifest.json.
type archiveEntry struct {
	Config   string   `json:"Config"`
	RepoTags []string `json:"RepoTags"`
	Layers   []string `json:"Layers"`
}

// imageUser is nobody in particular: pods that must not run as root need a number.
const imageUser = "65532:65532"

// Write makes an archive as `docker save` does, which `ctr images import` reads.
func (i Image) Write(path string) error {
	layer := path + ".layer"
	digest, err := i.writeLayer(layer)
	if err != nil {
		return fmt.Errorf("making the layer of image %s: %w", i.Name, err)
	}
	defer os.Remove(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/" + filepath.Base(i.Program)}, "User": imageUser},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest}},
	})
	if err != nil {
		return fmt.Errorf("encoding the configuration of image %s: %w", i.Name, err)
	}
	sum := sha256.Sum256(config)
	entry := archiveEntry{Config: hex.EncodeToString(sum[:]) + ".json", RepoTags: []string{i.Name}, Layers: []string{digest + ".tar"}}
	manifest, err := json.Marshal([]archiveEntry{entry})
	if err != nil {
		return fmt.Errorf("encoding the manifest of image %s: %w", i.Name, err)
	}
	err = writeTar(path, func(archive *tar.Writer) error {
		if err := addBytes(archive, "manifest.json", manifest); err != nil {
			return err
		}
		if err := addBytes(archive, entry.Config, config); err != nil {
			return err
		}
		return addFile(archive, entry.Layers[0], layer, 0o644)
	})
	if err != nil {
		return fmt.Errorf("writing image %s: %w", i.Name, err)
	}
	return nil
}

// writeLayer writes the tar of the image's files and returns its SHA-256 in hexadecimal.
func (i Image) writeLayer(path string) (string, error) {
	err := writeTar(path, func(layer *tar.Writer) error {
		return addFile(layer, filepath.Base(i.Program), i.Program, 0o755)
	})
	if err != nil {
		return "", err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	digest := sha256.New()
	if _, err := io.Copy(digest, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

func writeTar(path string, add func(*tar.Writer) error) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
	}()
	archive := tar.NewWriter(file)
	if err := add(archive); err != nil {
		return err
	}
	return archive.Close()
}

func addBytes(archive *tar.Writer, name string, data []byte) error {
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
		return err
	}
	_, err := archive.Write(data)
	return err
}

func addFile(archive *tar.Writer, name, path string, mode int64) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(archive, file)
	return err
}
