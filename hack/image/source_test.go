package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// newRepository makes a repository with one commit, which a user has whose settings hide files from git.
func newRepository(t *testing.T) (folder string, git func(...string)) {
	t.Helper()
	folder, home := t.TempDir(), t.TempDir()
	write(t, filepath.Join(home, "config"), "[user]\nname = Somebody\nemail = somebody@example.com\n"+
		"[core]\nexcludesFile = "+filepath.Join(home, "ignored")+"\n[status]\nshowUntrackedFiles = no\n")
	write(t, filepath.Join(home, "ignored"), "*~\n")
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, "config"))
	git = func(arguments ...string) {
		t.Helper()
		if output, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", folder}, arguments...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", arguments, err, output)
		}
	}
	write(t, filepath.Join(folder, ".gitignore"), "/bin/\n")
	write(t, filepath.Join(folder, "values.yaml"), "replicas: 1\n")
	git("init", "--quiet")
	git("add", ".")
	git("commit", "--quiet", "--message", "First")
	return folder, git
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNoReleaseOfFilesThatDifferFromTheCommit(t *testing.T) {
	for name, test := range map[string]struct{ file, text, says string }{
		"an edited file": {"values.yaml", "replicas: 2\n", "M values.yaml"},
		"a new file that the user's settings hide": {"values.yaml~", "", "values.yaml~"},
	} {
		t.Run(name, func(t *testing.T) {
			folder, _ := newRepository(t)
			before, err := readSource(t.Context(), folder)
			if err != nil || before.changes != "" || strings.Contains(before.version, "+") {
				t.Fatalf("at the commit: %+v, %v", before, err)
			}
			write(t, filepath.Join(folder, test.file), test.text)
			err = command(t.Context(), []string{"-root", folder, "-release", "-url", "https://example.com"}, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("it says %v", err)
			}
			after, err := readSource(t.Context(), folder)
			if err != nil || after.version != before.version+"+dirty" {
				t.Errorf("%+v, %v", after, err)
			}
			if strings.Contains(string(provenanceOf(t, after)), before.commit) {
				t.Error("the provenance names the commit, of which the files are not")
			}
		})
	}
}

func provenanceOf(t *testing.T, from source) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), provenanceFile)
	if err := writeProvenance(path, options{}, from, "go1.26.8", nil); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheVersionIsTheNewestTag(t *testing.T) {
	folder, git := newRepository(t)
	for _, step := range []struct{ tag, want string }{
		{"v0.9.0", "v0.9.0"}, {"v0.10.0-rc.1", "v0.10.0-rc.1"}, {"v0.10.0", "v0.10.0"}, {"v9", "v0.10.0"}, {"very/new", "v0.10.0"}, {"v0.11.0+1", "v0.10.0"},
	} {
		git("tag", step.tag)
		if from, err := readSource(t.Context(), folder); err != nil || from.version != step.want {
			t.Errorf("with tag %s the version is %s, not %s; %v", step.tag, from.version, step.want, err)
		}
	}
}

// TestACheckoutIsTheCommit has git write a file of the chart for a user whose settings ask for the line ends of Windows, which git
// then does not tell as a change.
func TestACheckoutIsTheCommit(t *testing.T) {
	const file = "HEAD:config/helm/values.yaml"
	committed, err := git(t.Context(), root, "cat-file", "blob", file)
	if err != nil {
		t.Fatal(err)
	}
	checkedOut, err := git(t.Context(), root, "-c", "core.autocrlf=true", "cat-file", "--filters", file)
	if err != nil {
		t.Fatal(err)
	}
	if checkedOut != committed {
		t.Error("the file in a checkout is another than that in the commit")
	}
}
