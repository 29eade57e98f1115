// Checks our proofs with the reference library: one JSON object a line on standard input, one "true" or "false" a
// line on standard output.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	ics23 "github.com/cosmos/ics23/go"
)

type claim struct {
	AppHash    []byte `json:"appHash"`
	Store      string `json:"store"`
	Key        []byte `json:"key"`
	Value      []byte `json:"value"`
	StoreProof []byte `json:"storeProof"`
	MapProof   []byte `json:"mapProof"`
}

// holds follows the chain from the key to the store's root and from there to the app hash.
func holds(c claim) bool {
	var storeProof, mapProof ics23.CommitmentProof
	if storeProof.Unmarshal(c.StoreProof) != nil || mapProof.Unmarshal(c.MapProof) != nil {
		return false
	}
	root, err := storeProof.Calculate()
	if err != nil {
		return false
	}
	if !ics23.VerifyMembership(ics23.TendermintSpec, c.AppHash, &mapProof, []byte(c.Store), root) {
		return false
	}
	if len(c.Value) == 0 {
		return ics23.VerifyNonMembership(ics23.SmtSpec, root, &storeProof, c.Key)
	}
	return ics23.VerifyMembership(ics23.SmtSpec, root, &storeProof, c.Key, c.Value)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		var c claim
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(holds(c))
	}
}
