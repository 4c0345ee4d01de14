package whatif_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/whatif"
	"rservice.dev/scim-operator/hack/testenv"
)

func post(path, body string) whatif.Request {
	return whatif.Request{Method: http.MethodPost, Path: path, Body: json.RawMessage(body)}
}

func patchOf(path, operations string) whatif.Request {
	body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":` + operations + `}`
	return whatif.Request{Method: http.MethodPatch, Path: path, Body: json.RawMessage(body)}
}

func userBody(userName, more string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q%s}`, userName, more)
}

// named is an attribute without which the default rules make no Person.
const named = `,"displayName":"Somebody"`

var _ = Describe("what would be", func() {
	It("is what a user's request does afterwards", func(ctx SpecContext) {
		w := newWorld(ctx)
		told, anna := w.try(ctx, post("/Users", userBody("anna@example.com", `,"displayName":"Anna","title":"Engineer"`)))
		Expect(told.Created).To(BeTrue())
		Expect(told.Subject.Name).To(BeEmpty())
		Expect(told.Effects).To(HaveLen(1))
		Expect(told.Effects[0].Records[0].Created).To(BeTrue())

		By("refusing what the server refuses")
		told, _ = w.try(ctx, post("/Users", userBody("ANNA@example.com", "")))
		Expect(told.Refused).To(HaveField("Status", http.StatusConflict))
		told, _ = w.try(ctx, post("/Users", `{"displayName":"Nobody"}`))
		Expect(told.Refused).To(HaveField("Status", http.StatusBadRequest))
		told, _ = w.try(ctx, patchOf("/Users/"+anna, `[{"op":"replace","path":"nothing","value":"x"}]`))
		Expect(told.Refused).To(HaveField("ScimType", "invalidPath"))
		told, _ = w.try(ctx, patchOf("/Users/01a22000-0000-7000-8000-000000000000", `[{"op":"replace","path":"title","value":"x"}]`))
		Expect(told.Refused).To(HaveField("Status", http.StatusNotFound))
		stale := patchOf("/Users/"+anna, `[{"op":"replace","path":"title","value":"x"}]`)
		stale.IfMatch = `W/"77"`
		told, _ = w.try(ctx, stale)
		Expect(told.Refused).To(HaveField("Status", http.StatusPreconditionFailed))

		By("changing her")
		told, _ = w.try(ctx, patchOf("/Users/"+anna, `[{"op":"replace","path":"title","value":"Director"}]`))
		Expect(told.Stored).To(ConsistOf(v1alpha1.FieldChange{Field: "title", From: "Engineer", To: "Director"}))
		Expect(told.Effects[0].Records[0].Changes).To(ConsistOf(v1alpha1.FieldChange{Field: "jobTitle", From: "Engineer", To: "Director"}))
		told, _ = w.try(ctx, patchOf("/Users/"+anna, `[{"op":"replace","path":"title","value":"Director"}]`))
		Expect(told.Changed).To(BeFalse())
		put := whatif.Request{Method: http.MethodPut, Path: "/Users/" + anna, Body: json.RawMessage(userBody("anna.new@example.com", `,"displayName":"Anna"`))}
		told, _ = w.try(ctx, put)
		Expect(told.Effects[0].Records[0].Changes).To(ConsistOf(v1alpha1.FieldChange{Field: "primaryEmail", From: "anna@example.com", To: "anna.new@example.com"}))

		By("giving somebody else her address")
		told, second := w.try(ctx, post("/Users", userBody("anna2", `,"emails":[{"value":"anna.new@example.com","primary":true}]`)))
		Expect(told.Effects[0].Rules[0].Reason).To(Equal(v1alpha1.ReasonPrimaryEmailTaken))
		Expect(told.Effects[0].Records).To(BeEmpty())

		told, _ = w.try(ctx, whatif.Request{Method: http.MethodDelete, Path: "/Users/" + second})
		Expect(told.Effects[0].Records).To(BeEmpty())

		By("taking her out of use, and deleting her")
		told, _ = w.try(ctx, patchOf("/Users/"+anna, `[{"op":"replace","value":{"active":false}}]`))
		Expect(told.Effects[0].Records[0].Changes).To(ConsistOf(v1alpha1.FieldChange{Field: "disabled", From: "false", To: "true"}))
		told, _ = w.try(ctx, patchOf("/Users/"+anna, `[{"op":"replace","path":"active","value":true}]`))
		Expect(told.Effects[0].Records).To(HaveLen(1))
		told, _ = w.try(ctx, whatif.Request{Method: http.MethodDelete, Path: "/Users/" + anna})
		Expect(told.Deleted).To(BeTrue())
		Expect(told.Effects[0].Records[0].Changes).To(ConsistOf(v1alpha1.FieldChange{Field: "disabled", From: "false", To: "true"}))
	})

	It("is what a group's request does afterwards", func(ctx SpecContext) {
		w := newWorld(ctx)
		Expect(w.Create(ctx, &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: "sales"}, Spec: v1alpha1.OrganizationSpec{Name: "Sales"}})).To(Succeed())
		_, anna := w.try(ctx, post("/Users", userBody("anna@example.com", named)))
		_, bert := w.try(ctx, post("/Users", userBody("bert@example.com", named)))

		told, sales := w.try(ctx, post("/Groups", fmt.Sprintf(`{"displayName":"Sales","members":[{"value":%q}]}`, anna)))
		Expect(told.Created).To(BeTrue())
		Expect(told.Joined).To(Equal(1))
		Expect(told.Effects).To(HaveLen(2))
		Expect(told.Effects[1].Subject.Name).To(Equal(anna))
		Expect(told.Effects[1].Records[0].Changes).To(ConsistOf(v1alpha1.FieldChange{Field: "organization", To: "sales"}))

		told, _ = w.try(ctx, patchOf("/Groups/"+sales, fmt.Sprintf(`[{"op":"add","path":"members","value":[{"value":%q}]}]`, bert)))
		Expect(told.Joined).To(Equal(1))
		Expect(told.Effects).To(ContainElement(HaveField("Subject.Name", bert)))
		told, _ = w.try(ctx, patchOf("/Groups/"+sales, `[{"op":"add","path":"members","value":[{"value":"nobody"}]}]`))
		Expect(told.Refused).NotTo(BeNil())
		told, _ = w.try(ctx, post("/Groups", `{"displayName":"sales"}`))
		Expect(told.Refused).To(HaveField("Status", http.StatusConflict))
		told, _ = w.try(ctx, whatif.Request{Method: http.MethodDelete, Path: "/Groups/" + sales})
		Expect(told.Deleted).To(BeTrue())
		Expect(told.Left).To(Equal(2))
	})

	It("is held by the brake where that has let through as many as it does", func(ctx SpecContext) {
		w := newWorld(ctx, func(spec *v1alpha1.ScimEndpointSpec) {
			spec.Safety.MinDisableCount, spec.Safety.MinCountPerDay = new(int32(1)), new(int32(1))
			spec.Safety.MaxDisablePercent, spec.Safety.MaxPercentPerDay = new(int32(1)), new(int32(1))
		})
		_, anna := w.try(ctx, post("/Users", userBody("anna@example.com", named)))
		_, bert := w.try(ctx, post("/Users", userBody("bert@example.com", named)))
		off := `[{"op":"replace","path":"active","value":false}]`
		told, _ := w.try(ctx, patchOf("/Users/"+anna, off))
		Expect(told.Effects[0].Held).To(BeNil())
		told, _ = w.try(ctx, patchOf("/Users/"+bert, off))
		Expect(told.Effects[0].Held).To(HaveField("Effects", ConsistOf(v1alpha1.HeldDisable)))
		Expect(told.Effects[0].Records).To(BeEmpty())
	})

	It("writes nothing", func(ctx SpecContext) {
		w := newWorld(ctx)
		_, anna := w.try(ctx, post("/Users", userBody("anna@example.com", named)))
		w.settled(ctx)
		before, err := env.AuditWrites(ctx, testenv.Filter{Namespace: w.namespace})
		Expect(err).NotTo(HaveOccurred())
		w.ask(ctx, post("/Users", userBody("bert@example.com", named)))
		w.ask(ctx, whatif.Request{Method: http.MethodDelete, Path: "/Users/" + anna})
		writes, err := env.AuditWrites(ctx, testenv.Filter{Namespace: w.namespace})
		Expect(err).NotTo(HaveOccurred())
		for _, write := range writes[len(before):] {
			Expect(write.Resource).NotTo(BeElementOf("scimusers", "persons", "secrets", "leases"), "%v", write)
		}
	})
})

func TestRequestsAreRead(t *testing.T) {
	request, whole, err := whatif.ParseRequest([]byte(`{"method":"PATCH","path":"/Users/1","ifMatch":"W/\"1\"","body":{"a":1}}`))
	if err != nil || !whole || request.Method != http.MethodPatch || request.IfMatch != `W/"1"` || string(request.Body) != `{"a":1}` {
		t.Errorf("read %+v, whole %t, error %v", request, whole, err)
	}
	body := `{"userName":"anna"}`
	if request, whole, err = whatif.ParseRequest([]byte(body)); err != nil || whole || string(request.Body) != body {
		t.Errorf("read %+v, whole %t, error %v", request, whole, err)
	}
	for _, wrong := range []string{`[]`, `{`, `{"method":"PATCH","path":"/Users/1","headers":{}}`, `{"method":1,"path":"/Users"}`} {
		if _, _, err := whatif.ParseRequest([]byte(wrong)); err == nil {
			t.Errorf("%s is read as a request", wrong)
		}
	}
	for _, wrong := range []whatif.Request{
		{Method: http.MethodGet, Path: "/Users"}, {Method: http.MethodPost, Path: "/Users/1"}, {Method: http.MethodPut, Path: "/Users"},
		{Method: http.MethodPost, Path: "/Bulk"}, {Method: http.MethodPost, Path: "/Users?attributes=id"}, {Method: http.MethodDelete, Path: "/Users/1/2"},
	} {
		if _, err := whatif.Ask(t.Context(), nil, "acme", wrong, whatif.Options{}); err == nil {
			t.Errorf("%s %s is asked for", wrong.Method, wrong.Path)
		}
	}
}
