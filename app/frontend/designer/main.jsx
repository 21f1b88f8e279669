// The canvas of the process designer: the only React in the product, an island on one page.
import { createRoot } from "react-dom/client";
import { ReactFlowProvider } from "@xyflow/react";
import { Designer } from "./designer.jsx";

const place = document.querySelector("#canvas");
const given = JSON.parse(document.querySelector("#canvas-given").textContent);
createRoot(place).render(
  <ReactFlowProvider>
    <Designer given={given} />
  </ReactFlowProvider>,
);
