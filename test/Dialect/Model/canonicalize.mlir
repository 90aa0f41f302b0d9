// RUN: picollm-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @wanted_twice
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>)
// CHECK-NEXT: %[[W:.*]] = picollm.wanted %[[X]]
// CHECK-NEXT: return %[[W]]
func.func @wanted_twice(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %0 = picollm.wanted %x : tensor<?x16xf32>
  %1 = picollm.wanted %0 : tensor<?x16xf32>
  return %1 : tensor<?x16xf32>
}
