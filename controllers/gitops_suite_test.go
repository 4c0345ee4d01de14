package controllers_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	lua "github.com/yuin/gopher-lua"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// health is what GitOps tools make of an object, in the words of kstatus, which Flux uses. It
// fails where Argo CD would not agree, or "kubectl wait", which knows nothing of objects without conditions.
func health(object client.Object) kstatus.Status {
	GinkgoHelper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	Expect(err).NotTo(HaveOccurred())
	stored := &unstructured.Unstructured{Object: fields}
	result, err := kstatus.Compute(stored)
	Expect(err).NotTo(HaveOccurred())
	describe := func() string { return fmt.Sprintf("%T %s: %s", object, object.GetName(), result.Message) }
	Expect(argoHealth(stored)).To(Equal(map[kstatus.Status]string{
		kstatus.CurrentStatus: "Healthy", kstatus.InProgressStatus: "Progressing", kstatus.FailedStatus: "Degraded",
		kstatus.TerminatingStatus: "Progressing",
	}[result.Status]), describe)
	if stored.GetDeletionTimestamp() == nil && len(conditionsOf(object).conditions) > 0 {
		Expect(waitedFor(object)).To(Equal(result.Status == kstatus.CurrentStatus), describe)
	}
	return result.Status
}

// waitedFor reports whether "kubectl wait --for=condition=Ready" ends with this object.
func waitedFor(object client.Object) bool {
	c := conditionsOf(object)
	ready := meta.FindStatusCondition(c.conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionTrue {
		return false
	}
	observed := cmp.Or(ready.ObservedGeneration, c.observed)
	return observed == 0 || observed >= object.GetGeneration()
}

// healthScripts are what config/argocd has for each kind.
var healthScripts = sync.OnceValues(func() (map[string]string, error) {
	data, err := os.ReadFile(filepath.Join("..", "config", "argocd", "argocd-cm.yaml"))
	if err != nil {
		return nil, err
	}
	var configMap corev1.ConfigMap
	err = yaml.UnmarshalStrict(data, &configMap)
	return configMap.Data, err
})

// argoHealth runs the script of config/argocd with the libraries that Argo CD gives it.
func argoHealth(stored *unstructured.Unstructured) string {
	GinkgoHelper()
	scripts, err := healthScripts()
	Expect(err).NotTo(HaveOccurred())
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	state.SetGlobal("obj", luaValue(state, stored.Object))
	script := scripts["resource.customizations.health."+v1alpha1.GroupVersion.Group+"_AutomationRule"]
	Expect(state.DoString(script)).To(Succeed())
	result, ok := state.Get(-1).(*lua.LTable)
	Expect(ok).To(BeTrue(), "the script returns no table")
	return lua.LVAsString(result.RawGetString("status"))
}

func luaValue(state *lua.LState, value any) lua.LValue {
	switch typed := value.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, inner := range typed {
			table.RawSetString(key, luaValue(state, inner))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, inner := range typed {
			table.Append(luaValue(state, inner))
		}
		return table
	case string:
		return lua.LString(typed)
	case bool:
		return lua.LBool(typed)
	case int64:
		return lua.LNumber(typed)
	case float64:
		return lua.LNumber(typed)
	}
	return lua.LNil
}
