package node

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestConfigurationIsWellFormed(t *testing.T) {
	p := paths{t.TempDir()}
	if err := p.write("/ca.crt"); err != nil {
		t.Fatal(err)
	}
	for name, parse := range map[string]func([]byte, any) error{
		"kubelet.yaml":              func(data []byte, into any) error { return yaml.UnmarshalStrict(data, into) },
		"kube-proxy.yaml":           func(data []byte, into any) error { return yaml.UnmarshalStrict(data, into) },
		"cni/conf/10-pods.conflist": json.Unmarshal,
	} {
		data, err := os.ReadFile(p.in(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := parse(data, &map[string]any{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(string(data), "%!") {
			t.Errorf("%s has a place that nothing was filled in:\n%s", name, data)
		}
	}
	data, err := os.ReadFile(p.in("containerd.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "%!") || !strings.Contains(string(data), p.socket()) {
		t.Errorf("containerd.toml is\n%s", data)
	}
}

func TestTheMachineIsRestoredFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), machineFile)
	if err := restoreMachine(file); err != nil {
		t.Errorf("without a file there is nothing to restore: %v", err)
	}
	if err := recordMachine(file); err != nil {
		t.Fatal(err)
	}
	if err := restoreMachine(file); err != nil {
		t.Errorf("nothing has changed, and yet: %v", err)
	}
	folder := filepath.Join(t.TempDir(), "made-meanwhile")
	data, err := json.Marshal(machine{Absent: []string{folder, filepath.Join(folder, "never-made")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := restoreMachine(file); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("a folder that was not there before is still there: %v", err)
	}
	if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := restoreMachine(file); err == nil || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("a damaged file gave %v", err)
	}
}

func TestMountsAreListedTheLatestFirst(t *testing.T) {
	mounts, err := mountsBelow("")
	if err != nil {
		t.Fatal(err)
	}
	proc, pts := slices.Index(mounts, "/proc"), slices.Index(mounts, "/dev/pts")
	if proc < 0 {
		t.Errorf("/proc is not among %v", mounts)
	}
	if dev := slices.Index(mounts, "/dev"); dev >= 0 && pts > dev {
		t.Errorf("/dev/pts, which is in /dev, comes after it: %v", mounts)
	}
}

func TestAMissingProgramIsNamed(t *testing.T) {
	if _, err := run("no-such-program"); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("got %v", err)
	}
}
