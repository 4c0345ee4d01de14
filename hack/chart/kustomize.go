package main

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// object is one of what an installation consists of, as JSON decodes it.
type object map[string]any

func (o object) kind() string { return fmt.Sprint(o["kind"]) }

func (o object) name() string { return fmt.Sprint(o["metadata"].(map[string]any)["name"]) } //nolint:forcetypeassert // kustomize has looked.

func (o object) String() string { return o.kind() + "/" + o.name() }

// kustomizer builds installations, each once.
type kustomizer struct {
	config fs.FS
	done   map[string][]byte
}

// build returns what kustomize makes of config/default with some components, as a user's own kustomization would have them.
func (k kustomizer) build(components []string) ([]object, error) {
	lines := []string{"resources: [../config/default]", "components:"}
	for _, component := range components {
		lines = append(lines, "  - ../config/"+component)
	}
	kustomization := strings.Join(lines, "\n") + "\n"
	if k.done[kustomization] == nil {
		var err error
		if k.done[kustomization], err = k.run(kustomization); err != nil {
			return nil, err
		}
	}
	var built []object
	for document := range strings.SplitSeq(string(k.done[kustomization]), "\n---\n") {
		decoded, err := decode([]byte(document))
		if err != nil {
			return nil, err
		}
		built = append(built, decoded)
	}
	return built, nil
}

func (k kustomizer) run(kustomization string) ([]byte, error) {
	memory := filesys.MakeFsInMemory()
	err := fs.WalkDir(k.config, ".", func(name string, entry fs.DirEntry, err error) error {
		if extension := path.Ext(name); err != nil || entry.IsDir() || extension != ".yaml" && extension != ".json" {
			return err
		}
		text, err := fs.ReadFile(k.config, name)
		if err != nil {
			return err
		}
		return memory.WriteFile("/config/"+name, text)
	})
	if err != nil {
		return nil, err
	}
	if err := memory.WriteFile("/mine/kustomization.yaml", []byte(kustomization)); err != nil {
		return nil, err
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(memory, "/mine")
	if err != nil {
		return nil, err
	}
	return resources.AsYaml()
}

// decode reads YAML with whole numbers as such.
func decode(text []byte) (map[string]any, error) {
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	var decoded map[string]any
	return decoded, json.Unmarshal(asJSON, &decoded)
}
