package credentials

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var start = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func ids(keys []SigningKey) []string {
	var all []string
	for _, key := range keys {
		all = append(all, key.ID)
	}
	return all
}

func TestAKeyIsKnownLongBeforeItSigns(t *testing.T) {
	s := SigningSecret{&corev1.Secret{}}
	bring := func(at time.Time, wantAgain time.Time) []SigningKey {
		t.Helper()
		again, err := s.BringUpToDate(at)
		if err != nil {
			t.Fatal(err)
		}
		if !again.Equal(wantAgain) {
			t.Errorf("at %s: again at %s, want %s", at, again, wantAgain)
		}
		return s.Keys()
	}
	first := bring(start, start.Add(SigningKeyLifetime))
	if len(first) != 2 || first[0].ID == first[1].ID {
		t.Fatalf("keys %v", ids(first))
	}
	if at := s.SignsAt(); !at.Equal(start.Add(SigningKeyDelay)) {
		t.Errorf("signs at %s", at)
	}
	before := s.DeepCopy()
	bring(start.Add(SigningKeyLifetime-time.Second), start.Add(SigningKeyLifetime))
	if diff := cmp.Diff(before, s.Secret); diff != "" {
		t.Errorf("before its time:\n%s", diff)
	}

	rotated := start.Add(SigningKeyLifetime)
	ends := rotated.Add(previousKeyLifetime)
	second := bring(rotated, ends)
	if len(second) != 3 || second[0].ID != first[1].ID || second[2].ID != first[0].ID {
		t.Fatalf("keys %v after %v", ids(second), ids(first))
	}
	if !second[2].Verifies(ends.Add(-time.Second)) || second[2].Verifies(ends) || !second[0].Verifies(ends.Add(time.Hour*24*365)) {
		t.Errorf("the one before verifies until %s", second[2].Until)
	}
	if at := s.SignsAt(); at.After(rotated) {
		t.Errorf("signs at %s, and was published a month ago", at)
	}
	if got := bring(ends, rotated.Add(SigningKeyLifetime)); len(got) != 2 || s.Data[v1alpha1.SecretKeyPreviousSigningKey] != nil {
		t.Errorf("keys %v", ids(got))
	}
}

func TestKeysThatSomebodyHasSpoiltAreMadeAnew(t *testing.T) {
	for name, spoil := range map[string]func(SigningSecret){
		"no key":            func(s SigningSecret) { delete(s.Data, v1alpha1.SecretKeySigningKey) },
		"another text":      func(s SigningSecret) { s.Data[v1alpha1.SecretKeySigningKey] = []byte("x") },
		"no next key":       func(s SigningSecret) { delete(s.Data, v1alpha1.SecretKeyNextSigningKey) },
		"another next text": func(s SigningSecret) { s.Data[v1alpha1.SecretKeyNextSigningKey] = bytes.Repeat([]byte("x"), 1<<20) },
		"no annotations":    func(s SigningSecret) { s.Annotations = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := SigningSecret{&corev1.Secret{}}
			if _, err := s.BringUpToDate(start); err != nil {
				t.Fatal(err)
			}
			spoil(s)
			if _, err := s.BringUpToDate(start.Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			keys := s.Keys()
			if len(keys) < 2 || keys[0].ID == keys[1].ID {
				t.Errorf("keys %v", ids(keys))
			}
			if name == "another text" && !s.SignsAt().Equal(start.Add(time.Minute+SigningKeyDelay)) {
				t.Errorf("a new key signs at %s", s.SignsAt())
			}
		})
	}
}

func TestWhatIsDerivedIsForOnePurposeClientAndKey(t *testing.T) {
	s := SigningSecret{&corev1.Secret{}}
	if _, err := s.BringUpToDate(start); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, key := range s.Keys() {
		for _, purpose := range []string{"a", "b"} {
			for _, client := range []string{"x", "y"} {
				secret, err := key.Secret(purpose, client)
				if err != nil || len(secret) != 32 || seen[string(secret)] {
					t.Errorf("%x, %v", secret, err)
				}
				seen[string(secret)] = true
			}
		}
	}
}

func TestClientSecrets(t *testing.T) {
	hash := HashOf("scimcs_x")
	secret := &corev1.Secret{Data: map[string][]byte{
		"good": []byte(hash), "good.expires": []byte("2027-11-29T12:00:00Z"),
		"loose": []byte(strings.ToUpper(hash) + "\n"), "loose.expires": []byte(" 2027-11-29T13:00:00+01:00\n"),
		"over": []byte(hash), "over.expires": []byte("2026-11-29T12:00:00Z"),
		"endless": []byte(hash),
		"garbled": []byte(hash), "garbled.expires": []byte("tomorrow"),
		"far": []byte(hash), "far.expires": []byte("2030-01-01T00:00:00Z"),
		"plain": []byte("scimcs_x"), "plain.expires": []byte("2027-11-29T12:00:00Z"),
		v1alpha1.SecretKeyToken: []byte("token"), "nobody.expires": []byte("2027-11-29T12:00:00Z"),
	}}
	want := map[string]string{
		"good": "", "loose": "", "over": "", "endless": "needs an end", "garbled": "must hold a time",
		"far": "three years", "plain": "SHA-256",
	}
	got := ClientSecrets(secret, start)
	if len(got) != len(want) {
		t.Errorf("found %+v", got)
	}
	for _, found := range got {
		problem, known := want[found.Name]
		if !known || (problem == "") != (found.Problem == "") || !strings.Contains(found.Problem, problem) {
			t.Errorf("%s: %q, want %q", found.Name, found.Problem, problem)
		}
		if valid := found.Name == "good" || found.Name == "loose"; found.Valid(start) != valid {
			t.Errorf("%s is valid: %v", found.Name, !valid)
		}
		if found.Problem == "" && found.Hash != hash {
			t.Errorf("%s has hash %s", found.Name, found.Hash)
		}
		if strings.Contains(found.Problem, "scimcs_x") {
			t.Errorf("%s: %s", found.Name, found.Problem)
		}
	}
}

func TestOnlySomeClientSecretsCount(t *testing.T) {
	secret := &corev1.Secret{Data: map[string][]byte{"password": []byte("x"), "other": bytes.Repeat([]byte("x"), 1<<19)}}
	for i := range MaxClientSecrets + 4 {
		name := fmt.Sprintf("s%02d", i)
		secret.Data[name], secret.Data[name+ExpirySuffix] = []byte(HashOf(name)), []byte("2027-11-29T12:00:00Z")
	}
	valid := 0
	for _, found := range ClientSecrets(&corev1.Secret{Data: secret.Data}, start) {
		if found.Valid(start) {
			valid++
		}
	}
	Strip(secret.Data)
	if len(secret.Data) != 2*MaxClientSecrets || secret.Data["s00"] == nil || secret.Data["s15.expires"] == nil {
		t.Errorf("%d keys are kept", len(secret.Data))
	}
	if kept := ClientSecrets(secret, start); len(kept) != MaxClientSecrets || valid > MaxClientSecrets {
		t.Errorf("%d are kept, %d valid", len(kept), valid)
	}
}

func TestNewClientSecrets(t *testing.T) {
	a, b := NewClientSecret(), NewClientSecret()
	if a == b || !strings.HasPrefix(a, "scimcs_") || len(a) != len("scimcs_")+43 {
		t.Errorf("%q, %q", a, b)
	}
}
