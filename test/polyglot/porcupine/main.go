// Asks porcupine what it thinks of histories: a file with one JSON array a line in, "ok", "illegal" or "unknown" a line out.
//
// A history of single operations is one of a register; one of transactions is one of a whole store, on which each
// transaction is a single operation. Linearizability of that is strict serializability.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// call is one operation. Reads and Writes map documents to marks; no mark is no document.
type call struct {
	Call   int64              `json:"call"`
	Return int64              `json:"return"`
	Reads  map[string]*string `json:"reads"`
	Writes map[string]*string `json:"writes"`
	// Present names documents that it found, whatever they held.
	Present []string `json:"present"`
}

// state is a store as text, so that states can be compared: "a/1=3.0,b/2=4.1".
func state(documents map[string]string) string {
	entries := make([]string, 0, len(documents))
	for key, mark := range documents {
		entries = append(entries, key+"="+mark)
	}
	sort.Strings(entries)
	return strings.Join(entries, ",")
}

func documents(text string) map[string]string {
	found := map[string]string{}
	for _, entry := range strings.Split(text, ",") {
		if key, mark, ok := strings.Cut(entry, "="); ok {
			found[key] = mark
		}
	}
	return found
}

var store = porcupine.Model{
	Init: func() interface{} { return "" },
	Step: func(before, input, _ interface{}) (bool, interface{}) {
		operation := input.(call)
		found := documents(before.(string))
		for key, mark := range operation.Reads {
			stored, exists := found[key]
			if exists != (mark != nil) || (exists && stored != *mark) {
				return false, before
			}
		}
		for _, key := range operation.Present {
			if _, exists := found[key]; !exists {
				return false, before
			}
		}
		for key, mark := range operation.Writes {
			if mark == nil {
				delete(found, key)
			} else {
				found[key] = *mark
			}
		}
		return true, state(found)
	},
}

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var history []call
		if err := json.Unmarshal(lines.Bytes(), &history); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		operations := make([]porcupine.Operation, 0, len(history))
		for client, operation := range history {
			operations = append(operations, porcupine.Operation{
				ClientId: client, Input: operation, Call: operation.Call, Return: operation.Return,
			})
		}
		verdict := porcupine.CheckOperationsTimeout(store, operations, 20*time.Second)
		fmt.Println(strings.ToLower(string(verdict)))
	}
}
