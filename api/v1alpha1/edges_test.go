package v1alpha1_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// An object that the API server stores and a client cannot read stops every informer of its
// kind. So whatever a definition lets in, at any of its places, the type reads: values at the
// edges are sent to each place, and what is stored is read.
var _ = Describe("the types read", func() {
	files, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(files) == 0 {
		panic(fmt.Sprint("no definitions: ", err))
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), v1alpha1.GroupVersion.Group+"_"), ".yaml")
		It("whatever the definition of "+name+" lets in", func(ctx SpecContext) {
			d := readDefinition(file)
			d.check(ctx, d.edges())
		})
		It("times of "+name+" that were stored before their form was fixed", func(ctx SpecContext) {
			d := readDefinition(file)
			times := slices.DeleteFunc(d.edges(), func(e *edge) bool { return at(d.schema, e.place)["pattern"] != timestampPattern })
			if len(times) == 0 {
				Skip("the form of none is fixed")
			}
			d.loosen(ctx)
			d.check(ctx, times)
			d.tighten(ctx)
			By("changing something else of them, now that their form is fixed")
			for _, e := range times {
				if e.name != "" {
					Expect(d.patch(ctx, e, `{"metadata": {"annotations": {"changed": "yes"}}}`)).To(Succeed(), "%s", e)
				}
			}
		})
	}
})

const timestampPattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$`

// definition is a kind as its definition has it.
type definition struct {
	crd          *unstructured.Unstructured
	kind, plural string
	schema       tree
	// status says that the status is written apart.
	status    bool
	version   schema.GroupVersion
	namespace string
	rest      *rest.RESTClient
	// typed reads the kind.
	typed client.Client
	// strict is what crd was before loosen.
	strict *unstructured.Unstructured
}

func readDefinition(file string) *definition {
	GinkgoHelper()
	text, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	crd := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal(text, &crd.Object)).To(Succeed())
	spec := crd.Object["spec"].(tree)
	version := spec["versions"].([]any)[0].(tree)
	names := spec["names"].(tree)
	subresources, _ := version["subresources"].(tree)
	d := &definition{
		crd: crd, kind: names["kind"].(string), plural: names["plural"].(string), status: subresources["status"] != nil,
		schema: version["schema"].(tree)["openAPIV3Schema"].(tree), version: v1alpha1.GroupVersion, typed: direct,
	}
	Expect(valid).To(HaveKey(d.kind), "the table of valid objects needs one of this kind")
	return d
}

// loosen installs the definition in a group of its own, as it is without the patterns of times.
func (d *definition) loosen(ctx context.Context) {
	GinkgoHelper()
	loose := runtime.NewScheme()
	d.version = schema.GroupVersion{Group: "loose." + v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version}
	for _, kind := range []string{d.kind, d.kind + "List"} {
		obj, err := direct.Scheme().New(v1alpha1.GroupVersion.WithKind(kind))
		Expect(err).NotTo(HaveOccurred())
		loose.AddKnownTypes(d.version, obj)
	}
	metav1.AddToGroupVersion(loose, d.version)

	// Names that "kubectl get scimusers" and "kubectl get scim" of other tests do not find.
	d.plural = "loose" + d.plural
	spec := d.crd.Object["spec"].(tree)
	spec["group"] = d.version.Group
	spec["names"] = tree{"kind": d.kind, "listKind": d.kind + "List", "plural": d.plural, "singular": strings.TrimSuffix(d.plural, "s")}
	d.crd.SetName(d.plural + "." + d.version.Group)
	d.strict = d.crd.DeepCopy()
	walk(d.schema, func(s tree) {
		if s["pattern"] == timestampPattern {
			delete(s, "pattern")
		}
	})
	Expect(direct.Create(ctx, d.crd)).To(Succeed())
	DeferCleanup(direct.Delete, context.WithoutCancel(ctx), d.crd)
	Eventually(func() ([]any, error) {
		err := direct.Get(ctx, client.ObjectKeyFromObject(d.crd), d.crd)
		conditions, _, _ := unstructured.NestedSlice(d.crd.Object, "status", "conditions")
		return conditions, err
	}).WithContext(ctx).Should(ContainElement(
		And(HaveKeyWithValue("type", "Established"), HaveKeyWithValue("status", "True"))))
	var err error
	d.typed, err = client.New(env.Config, client.Options{Scheme: loose})
	Expect(err).NotTo(HaveOccurred())
}

// tighten gives the definition its patterns back.
func (d *definition) tighten(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) { // the API server writes it, too
		g.Expect(direct.Get(ctx, client.ObjectKeyFromObject(d.crd), d.crd)).To(Succeed())
		d.strict.SetResourceVersion(d.crd.GetResourceVersion())
		g.Expect(direct.Update(ctx, d.strict)).To(Succeed())
	}).Should(Succeed())
	Eventually(func() string {
		late := &edge{place: []string{"spec", "lastModified"}, value: "\"2026-11-28T10:00:59Z\""}
		if d.kind == "AutomationRuleExecution" {
			late.place = []string{"status", "time"}
		}
		Expect(d.store(ctx, late)).To(Succeed())
		return late.name
	}).WithPolling(100*time.Millisecond).Should(BeEmpty(), "the API server has not taken the patterns in")
}

// patch changes an object with a merge patch, as "kubectl annotate" does.
func (d *definition) patch(ctx context.Context, e *edge, text string) error {
	return d.rest.Patch(types.MergePatchType).Namespace(d.namespace).Resource(d.plural).Name(e.name).Body([]byte(text)).Do(ctx).Error()
}

func (d *definition) edges() []*edge {
	var edges []*edge
	for _, part := range []string{"spec", "status"} {
		if s, ok := d.schema["properties"].(tree)[part].(tree); ok {
			edges = append(edges, edgesOf([]string{part}, s)...)
		}
	}
	return edges
}

func (d *definition) check(ctx context.Context, edges []*edge) {
	GinkgoHelper()
	d.namespace = namespace(ctx)
	config := rest.CopyConfig(env.Config)
	config.GroupVersion, config.APIPath = &d.version, "/apis"
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	var err error
	d.rest, err = rest.RESTClientFor(config)
	Expect(err).NotTo(HaveOccurred())
	workers, workCtx := errgroup.WithContext(ctx)
	workers.SetLimit(16)
	for _, e := range edges {
		workers.Go(func() error { return d.store(workCtx, e) })
	}
	Expect(workers.Wait()).To(Succeed())

	taken := map[string]int{}
	var unreadable []string
	for _, e := range edges {
		place := strings.Join(e.place, ".")
		taken[place] += min(len(e.name), 1)
		if e.name == "" {
			continue
		}
		obj, err := d.typed.Scheme().New(d.version.WithKind(d.kind))
		Expect(err).NotTo(HaveOccurred())
		if err := d.typed.Get(ctx, client.ObjectKey{Namespace: d.namespace, Name: e.name}, obj.(client.Object)); err != nil {
			unreadable = append(unreadable, fmt.Sprintf("%s: %v", e, err))
		}
	}
	Expect(unreadable).To(BeEmpty())
	for place, n := range taken {
		Expect(n).NotTo(BeZero(), "the API server took no value at %s, so this says nothing of it", place)
	}
	list, err := d.typed.Scheme().New(d.version.WithKind(d.kind + "List"))
	Expect(err).NotTo(HaveOccurred())
	Expect(d.typed.List(ctx, list.(client.ObjectList), client.InNamespace(d.namespace))).To(Succeed())
}

// store sends a valid object with the value at its place, and notes its name if it was taken.
func (d *definition) store(ctx context.Context, e *edge) error {
	var obj tree
	if err := yaml.Unmarshal([]byte(valid[d.kind]), &obj); err != nil {
		return err
	}
	// Every kind but one takes a UUID as a name.
	name := uuid.NewString()
	apart := d.status && e.place[0] == "status"
	if !apart {
		put(obj, d.schema, e.place, json.RawMessage(e.value))
	}
	if d.kind == "ScimGroupPage" {
		name = nameOfPage(obj)
	}
	obj["apiVersion"], obj["kind"] = d.version.String(), d.kind
	obj["metadata"] = tree{"name": name, "namespace": d.namespace}
	stored, err := d.send(ctx, d.rest.Post().Resource(d.plural), obj)
	if err != nil || stored == nil {
		return err
	}
	if apart {
		put(stored, d.schema, e.place, json.RawMessage(e.value))
		stored, err = d.send(ctx, d.rest.Put().Resource(d.plural).Name(name).SubResource("status"), stored)
		if err != nil || stored == nil {
			return err
		}
	}
	e.name = name
	return nil
}

// nameOfPage is a name that nobody else takes: that of its group, if it has any, and a number.
func nameOfPage(page tree) string {
	var typed struct {
		Spec struct {
			Group any `json:"group"`
		} `json:"spec"`
	}
	text, err := json.Marshal(page)
	if err == nil {
		err = json.Unmarshal(text, &typed)
	}
	if err != nil {
		return uuid.NewString() // and the API server refuses what cannot be read
	}
	return fmt.Sprintf("%v-%d", typed.Spec.Group, 1+uuid.New().ID()%99_999_999)
}

// send returns what was stored, nil where the API server has refused it.
func (d *definition) send(ctx context.Context, request *rest.Request, obj tree) (tree, error) {
	body, err := json.Marshal(obj)
	if err != nil {
		return nil, err
	}
	answer, err := request.Namespace(d.namespace).SetHeader("Content-Type", runtime.ContentTypeJSON).Body(body).Do(ctx).Raw()
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var stored tree
	return stored, json.Unmarshal(answer, &stored)
}
