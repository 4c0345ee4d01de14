package kube

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

// TestNamesStayTheSame keeps the derivation: another one makes new claims for everybody.
func TestNamesStayTheSame(t *testing.T) {
	salt := Salt("0123456789abcdef0123456789abcdef")
	if got, want := salt.Name("claim/username", "jane@example.com"), "fimtx2stguiviqdbd4z6iuy5mqp67cbdj56c6qwszh2opxa7xqca"; got != want {
		t.Errorf("the name is %s, want %s", got, want)
	}
	if salt.Name("claim/displayname", "jane@example.com") == salt.Name("claim/username", "jane@example.com") {
		t.Error("two domains have the same name")
	}
}

func TestSalts(t *testing.T) {
	g := NewWithT(t)
	env := testenv.StartFor(t)
	direct, err := client.New(env.Config, client.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	one, two := env.Namespace(t.Context(), t), env.Namespace(t.Context(), t)
	clk := clocktesting.NewFakePassiveClock(time.Now())
	process := func() *Salts {
		s := NewSalts(direct, direct)
		s.clock = clk
		return s
	}
	first, second := process(), process()
	of := func(s *Salts, namespace string) Salt {
		t.Helper()
		salt, err := s.Of(t.Context(), namespace)
		g.Expect(err).NotTo(HaveOccurred())
		return salt
	}

	made := make(chan Salt, 2)
	for _, s := range []*Salts{first, second} {
		go func() {
			salt, _ := s.Of(t.Context(), one)
			made <- salt
		}()
	}
	salt := <-made
	g.Expect(salt).To(HaveLen(saltBytes))
	g.Expect(<-made).To(Equal(salt), "two processes at the same time")
	g.Expect(of(first, two)).NotTo(Equal(salt), "each namespace has its own")

	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: one, Name: v1alpha1.SecretSalt}}
	g.Expect(direct.Delete(t.Context(), secret)).To(Succeed())
	clk.SetTime(clk.Now().Add(saltFresh))
	g.Expect(of(second, one)).To(Equal(salt), "who knows it makes it again as it was")
	g.Expect(of(process(), one)).To(Equal(salt))

	secret.ResourceVersion, secret.UID = "", ""
	g.Expect(direct.Delete(t.Context(), secret)).To(Succeed())
	secret.Data = map[string][]byte{"other": []byte("x")}
	g.Expect(direct.Create(t.Context(), secret)).To(Succeed())
	_, err = process().Of(t.Context(), one)
	g.Expect(err).To(MatchError(ErrNoSalt), "what holds no salt")

	clk.SetTime(clk.Now().Add(saltKept + time.Second))
	of(first, two)
	g.Expect(first.known).To(HaveLen(1), "namespaces that nobody asks for any more are forgotten")
}
